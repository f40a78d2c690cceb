import Foundation

/// Colours of requests: a request has the same one in every figure, and requests that follow each other
/// have hues far apart.
package enum RequestPalette {
  private static let hueCount = 12
  /// Lightness and chroma of one round through the hues after another.
  private static let tones: [(lightness: Double, chroma: Double)] = [
    (0.70, 0.13), (0.82, 0.09), (0.58, 0.12),
  ]

  /// Requests that have a colour of their own; the next looks like the first.
  package static var count: Int { hueCount * tones.count }

  private static let colors = (0..<count).map { index in
    // Steps of 5 visit all 12 hues, neighbours 150° apart.
    let hue = Double(5 * index % hueCount) / Double(hueCount) * 2 * Double.pi
    let tone = tones[index / hueCount]
    return hexadecimal(lightness: tone.lightness, chroma: tone.chroma, hue: hue + 0.6)
  }

  /// The colour of request `request` as `#rrggbb`.
  package static func color(_ request: Int) -> String { colors[Int(request.magnitude % UInt(count))] }

  /// A colour of the OKLCH space, in which equal lightness looks equally light, in sRGB.
  /// Source: Björn Ottosson, "A perceptual color space for image processing" (2020).
  private static func hexadecimal(lightness: Double, chroma: Double, hue: Double) -> String {
    let a = chroma * cos(hue)
    let b = chroma * sin(hue)
    let long = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3)
    let medium = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3)
    let short = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3)
    let linear = [
      4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
      -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
      -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    ]
    let bytes = linear.map { value in
      let encoded = value <= 0.0031308 ? 12.92 * value : 1.055 * pow(value, 1 / 2.4) - 0.055
      return Int((min(max(encoded, 0), 1) * 255).rounded())
    }
    return "#" + bytes.map { String(format: "%02x", $0) }.joined()
  }
}
