/// The look of a report's page around its figures.
enum PageStyle {
  /// The style sheet: colours first, so that the dark half only repeats those.
  static let rules = """
    :root{--paper:#f8fafc;--card:#ffffff;--ink:#0f172a;--muted:#64748b;--line:#e2e8f0;--stripe:#f8fafc;--accent:#2563eb}
    @media (prefers-color-scheme:dark){:root{--paper:#0b1120;--card:#111827;--ink:#e5e7eb;--muted:#94a3b8;\
    --line:#243044;--stripe:#162032;--accent:#60a5fa}}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%}
    body{margin:0;background:var(--paper);color:var(--ink);line-height:1.55;
    font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
    header,main,footer{max-width:1180px;margin:0 auto;padding:0 1.25rem}
    header{padding-top:2.5rem;padding-bottom:.5rem}
    h1{font-size:1.75rem;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
    h2{font-size:1.2rem;margin:0 0 .75rem;padding-left:.6rem;border-left:4px solid var(--accent)}
    p{margin:.5rem 0;max-width:75ch}
    .subtitle{color:var(--muted);font-size:1.05rem}
    section{margin:2.25rem 0}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.75rem;margin:1.25rem 0}
    .tile,figure,.facts,pre{background:var(--card);border:1px solid var(--line);border-radius:.6rem}
    .tile{padding:.8rem 1rem}
    .tile dt{color:var(--muted);font-size:.85rem}
    .tile dd{margin:0}
    .tile .value{font-size:1.5rem;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
    .tile .note{color:var(--muted);font-size:.8rem}
    figure{margin:1rem 0;padding:.75rem}
    figcaption{color:var(--muted);font-size:.9rem;padding:.5rem .25rem 0;max-width:85ch}
    .scroll{overflow-x:auto}
    .figure{display:block;margin:0 auto;max-width:100%;min-width:560px;height:auto}
    .figure .paper{fill:none}
    .definitions{position:absolute;width:0;height:0}
    table{border-collapse:collapse;width:100%;font-size:.92rem}
    th,td{text-align:left;padding:.4rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap}
    th{color:var(--muted);font-weight:600;font-size:.82rem}
    tbody tr:nth-child(even){background:var(--stripe)}
    tbody tr:last-child td{border-bottom:0}
    .number{text-align:right;font-variant-numeric:tabular-nums}
    .facts{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.3rem 1.5rem;margin:1rem 0;padding:.8rem 1rem}
    .facts dt{color:var(--muted)}
    .facts dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
    code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace;font-size:.88em}
    pre{padding:.8rem 1rem;overflow-x:auto}
    footer{color:var(--muted);font-size:.88rem;padding-top:1rem;padding-bottom:2.5rem;border-top:1px solid var(--line)}
    footer code{overflow-wrap:anywhere}
    @media print{@page{margin:14mm}body{background:none}figure,.tile,tr{break-inside:avoid}h2{break-after:avoid}
    .scroll{overflow:visible}.figure{min-width:0}}

    """
}
