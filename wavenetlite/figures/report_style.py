"""How the report looks, light and dark; the colours are those of the figures."""

from wavenetlite.figures.style import BLUE, FAINT, INK, ORANGE, RULE

DARK_BLUE, DARK_ORANGE = "#56b4e9", "#e69f00"
"""Of the same palette, for dark pages."""

STYLE = f"""
:root{{--ink:{INK};--faint:{FAINT};--rule:{RULE};--page:#fff;--card:#f6f6f4;--a:{BLUE};--b:{ORANGE};
color-scheme:light dark}}
@media (prefers-color-scheme:dark){{
:root{{--ink:#e8e8e6;--faint:#a0a09c;--rule:#3a3a38;--page:#161616;--card:#212120;--a:{DARK_BLUE};--b:{DARK_ORANGE}}}}}
body{{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif}}
main{{max-width:44rem;margin:0 auto;padding:3rem 1.2rem 4rem}}
h1{{font-size:2.4rem;line-height:1.15;margin:0 0 .4rem}}
h2{{margin:3rem 0 .5rem;font-size:1.7rem}}h3{{margin:2.4rem 0 .2rem}}
p{{margin:.2rem 0 .8rem}}.lead{{font-size:1.15rem;color:var(--faint)}}
.tiles{{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.8rem;margin:1.4rem 0}}
.tiles div{{background:var(--card);border-radius:.6rem;padding:.9rem 1rem}}
.tiles b{{display:block;font-size:1.7rem;color:var(--a)}}.tiles span{{font-size:.85rem;color:var(--faint)}}
svg{{width:100%;height:auto;background:var(--card);border-radius:.6rem}}
svg text{{font:11px system-ui,sans-serif;fill:var(--ink)}}svg .name{{fill:var(--faint)}}
svg .grid{{stroke:var(--rule);stroke-width:1}}svg .line{{fill:none;stroke-width:1.4}}svg .line.a{{stroke-width:2.6}}
svg .a{{stroke:var(--a)}}svg .b{{stroke:var(--b)}}
svg .bar{{stroke:none}}svg .bar.a{{fill:var(--a)}}svg .bar.b{{fill:var(--b);opacity:.75}}
svg .mark{{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:4 3;fill:var(--page)}}
.legend span{{display:inline-block;width:.8em;height:.8em;border-radius:.2em;margin:0 .35em 0 1em}}
.legend .a{{background:var(--a)}}.legend .b{{background:var(--b)}}
table{{width:100%;border-collapse:collapse;font-size:.92rem}}
td{{border-top:1px solid var(--rule);padding:.35rem .4rem .35rem 0}}
td:last-child{{text-align:right;font-variant-numeric:tabular-nums}}
tr.over td:first-child{{color:var(--b);font-weight:600}}
meter{{width:9rem}}pre{{background:var(--card);border-radius:.6rem;padding:.9rem 1rem;overflow:auto}}
"""
