import Foundation

/// An integer whose decoding fails at its place.
///
/// Foundation's decoder reports a number that is no integer without the field it belongs to.
struct WholeNumber: Decodable {
  init(from decoder: any Decoder) throws {
    if (try? decoder.singleValueContainer().decode(Int.self)) == nil {
      throw DecodingError.typeMismatch(
        Int.self, .init(codingPath: decoder.codingPath, debugDescription: "not an integer"))
    }
  }
}

extension TraceLine {
  /// The line as a JSON object.
  ///
  /// - Parameter diagnosis: the same record with `WholeNumber` for its integers; only used to find the
  ///   field where decoding the record failed without telling.
  func decode<Record: Decodable, Diagnosis: Decodable>(
    _ type: Record.Type, diagnosis: Diagnosis.Type, with decoder: JSONDecoder
  ) throws(TraceError) -> Record {
    let data = Data(bytes)
    do {
      return try decoder.decode(type, from: data)
    } catch DecodingError.dataCorrupted {
      do { _ = try decoder.decode(diagnosis, from: data) } catch { throw describe(error) }
      throw malformed("must be JSON with numbers of a usable size")
    } catch {
      throw describe(error)
    }
  }

  /// The keys of the line's JSON object.
  func objectKeys() throws(TraceError) -> Set<String> {
    typealias Object = [String: AnyValue]
    return Set(try decode(Object.self, diagnosis: Object.self, with: JSONDecoder()).keys)
  }

  /// Any JSON value, left unread.
  private struct AnyValue: Decodable {
    init(from decoder: any Decoder) {}
  }

  private func describe(_ error: any Error) -> TraceError {
    switch error {
    case DecodingError.keyNotFound(let key, let context):
      return self.error(
        .missingField, field: Self.fieldName(context.codingPath + [key]), requirement: "must be given")
    case DecodingError.typeMismatch(let type, let context) where !context.codingPath.isEmpty,
      DecodingError.valueNotFound(let type, let context) where !context.codingPath.isEmpty:
      return self.error(
        .wrongType, field: Self.fieldName(context.codingPath), value: value(at: context.codingPath),
        requirement: "must be \(Self.name(of: type))")
    default:
      return malformed("must be one whole JSON object")
    }
  }

  /// `workload.axes.total_q`, `hash_ids[3]`.
  private static func fieldName(_ path: [any CodingKey]) -> String {
    path.reduce(into: "") { name, key in
      if let index = key.intValue {
        name += "[\(index)]"
      } else {
        name += name.isEmpty ? key.stringValue : ".\(key.stringValue)"
      }
    }
  }

  private static func name(of type: any Any.Type) -> String {
    switch type {
    case is Int.Type: "an integer"
    case is Double.Type: "a number"
    case is String.Type: "a string"
    case is [Any].Type: "a list"
    default: "an object"
    }
  }

  /// What the line has at a path, as JSON; nil if nothing.
  private func value(at path: [any CodingKey]) -> String? {
    var found = try? JSONSerialization.jsonObject(with: Data(bytes))
    for key in path {
      if let index = key.intValue {
        let list = found as? [Any]
        found = list.flatMap { $0.indices.contains(index) ? $0[index] : nil }
      } else {
        found = (found as? [String: Any])?[key.stringValue]
      }
    }
    guard let found, let data = try? JSONSerialization.data(withJSONObject: found, options: .fragmentsAllowed)
    else { return nil }
    return String(decoding: data, as: UTF8.self)
  }
}
