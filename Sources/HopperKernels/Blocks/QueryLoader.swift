import PTX

/// Brings the queries of a piece into shared memory, by all threads of the loading warpgroup.
struct QueryLoader<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let copy: RowCopy<Element>
  let panelCount: Int
  /// Parity of the phase in which the queries before have been multiplied.
  let phase: Mutable<U32>

  /// Waits until the queries before are no longer needed and starts the copies. Each thread arrives when its are done.
  func start(_ piece: LoadedPiece) {
    k.region("load_queries") {
      memory.queriesEmpty.wait(parity: phase.value)
      phase ^= 1
      copy.start(
        to: .init(
          latent: memory.latent(of: memory.queries, k), firstColumn: 0,
          rope: panelCount < DecodeMemory<Element>.panelCount ? nil : memory.rope(of: memory.queries, k)),
        isAligned: call[CallLayout.standard.queriesAreAligned] != 0, arrivingAt: memory.queriesFull
      ) {
        source(piece, copy.row($0))
      } sourceOfRow: {
        source(piece, $0)
      }
    }
  }

  private func source(_ piece: LoadedPiece, _ row: Value<S32>) -> RowCopy<Element>.Source {
    let fields = CallLayout.standard
    // Rows that are not there read the piece's first one, which is.
    let isThere = k.let("is_row", row < piece.rowCount)
    let place = RowPlace(k, call, row: piece.firstRow + k.select(isThere, row, 0))
    func start(
      _ base: ParameterLayout.PointerField<U16>, _ token: ParameterLayout.Field<U64>,
      _ head: ParameterLayout.Field<U64>
    ) -> Pointer<U16, Global> {
      let offset = place.offset(
        firstToken: piece.firstToken, tokenStride: call[token], headStride: call[head])
      return call[base].advanced(by: offset, k)
    }
    return RowCopy<Element>.Source(
      latent: start(fields.queryLatent, fields.queryLatentToken, fields.queryLatentHead),
      rope: panelCount < 9 ? nil : start(fields.queryRope, fields.queryRopeToken, fields.queryRopeHead),
      isThere: isThere)
  }
}

extension Pointer where Space == Global {
  /// The address so many bytes further on, known when the kernel runs.
  func advanced(by byteCount: Value<U64>, _ k: KernelBuilder) -> Pointer {
    Pointer(address64() + byteCount, to: Element.self, in: Global.self, of: k)
  }
}
