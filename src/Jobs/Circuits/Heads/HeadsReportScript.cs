namespace HeadTap.Jobs;

/// <summary>The part of the page of heads that moves: cards that are sorted and filtered.</summary>
static class HeadsReportScript
{
    internal const string Style = """
        .widget{--up:217 115 13;--down:47 111 222}
        @media (prefers-color-scheme:dark){.widget{--up:242 153 74;--down:91 155 255}}
        .pick{display:flex;flex-wrap:wrap;gap:.4rem .9rem;align-items:center;position:sticky;top:0;z-index:1;
        background:var(--ground);padding:.5rem 0;border-bottom:1px solid var(--line)}
        .pick select,.pick input{font:inherit;color:inherit;background:var(--soft);max-width:11rem;
        border:1px solid var(--line);border-radius:5px;padding:.1rem .3rem}
        .pick input{width:5rem}.pick .say{opacity:.75;font-size:.85rem}
        .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),1fr));gap:.8rem;
        margin:1rem 0}
        .card{border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem;min-width:0}
        .card h3{margin:0 0 .3rem;font-size:1.05rem;display:flex;justify-content:space-between}
        .card h3 span{font-weight:400;font-size:.85rem;font-variant-numeric:tabular-nums}
        .bars{display:grid;grid-template-columns:auto 1fr auto;gap:.05rem .5rem;font-size:.78rem;
        align-items:center}
        .bars i{height:.5rem;background:rgb(var(--down)/.75);border-radius:2px;min-width:1px}
        .bars b{font-weight:400;text-align:right;font-variant-numeric:tabular-nums}
        .bars .on{font-weight:700}
        .card p{margin:.35rem 0;font-size:.85rem;overflow-wrap:anywhere}.card .soft{opacity:.75}
        .card .text{line-height:1.75}.text span{border-radius:3px;padding:.05rem 0}
        .text .at{outline:2px solid var(--ink);outline-offset:1px}
        .cards details summary{font-size:.85rem}
        """;

    internal const string Markup = """
        <div class="pick"><label>sort by <select class="by"></select></label>
        <label>at least <input class="least" type="number" step="any"></label>
        <label>layer <select class="layer"><option value="">all</option></select></label>
        <span class="say" aria-live="polite"></span></div>
        <div class="cards"></div>
        <noscript><p>The cards need JavaScript; the tables below do not.</p></noscript>
        """;

    internal const string Script = """
        const find = name => root.querySelector('.' + name);
        const make = (tag, text, parent, name) => {
          const e = document.createElement(tag);
          if (text !== undefined) e.textContent = text;
          if (name) e.className = name;
          if (parent) parent.append(e);
          return e;
        };
        const by = find('by'), least = find('least'), layer = find('layer'), cards = find('cards');
        make('option', 'layer and head', by).value = -1;
        data.columns.forEach((c, i) => {
          const o = make('option', c.label, by);
          o.value = i;
          o.title = c.meaning;
        });
        [...new Set(data.heads.map(h => h.l))].forEach(l => make('option', l, layer));

        function bars(card, head, on) {
          const box = make('div', undefined, card, 'bars');
          data.columns.forEach((c, i) => {
            if (head.v[i] === null || (c.change && i !== on)) return;
            const name = make('span', c.label, box, i === on ? 'on' : '');
            name.title = c.meaning;
            const bar = make('i', undefined, box);
            const whole = c.share ? 1 : c.most || 1;
            bar.style.width = Math.min(100, 100 * Math.abs(head.v[i]) / whole) + '%';
            if (head.v[i] < 0) bar.style.background = 'rgb(var(--up)/.75)';
            make('b', head.t[i] + (head.o && !c.change ? ' \u2192 ' + head.o.t[i] : ''), box);
          });
        }

        function example(parent, e) {
          const p = make('p', undefined, parent, 'text');
          for (const [text, weight, back] of e.far) {
            const s = make('span', text, p);
            s.style.background = 'rgb(var(--up)/' + Math.min(1, weight) + ')';
            s.title = (100 * weight).toFixed(1) + ' %, ' + back + ' tokens back';
            make('span', ' … ', p);
          }
          e.t.forEach(([text, weight], i) => {
            const s = make('span', text, p, i === e.t.length - 1 ? 'at' : '');
            if (weight > 0) {
              s.style.background = 'rgb(var(--up)/' + Math.min(1, weight) + ')';
              s.title = (100 * weight).toFixed(1) + ' %';
            }
            p.append(document.createElement('wbr'));
          });
          make('p', 'writes ' + e.n + (e.w ? ': ' + e.w.join(' ') : ''), parent, 'soft');
        }

        function draw(head, on) {
          const card = make('div', undefined, undefined, 'card');
          card.id = 'L' + head.l + 'H' + head.h;
          const title = make('h3', head.l + '.' + head.h, card);
          if (head.a) make('span', 'ablation ' + head.a.map(v => v.toFixed(4)).join(' to '), title);
          bars(card, head, on);
          if (head.w) make('p', head.w.join(' '), card);
          if (head.o?.w) make('p', '\u2192 ' + head.o.w.join(' '), card);
          if (head.c.length) make('p', 'reads ' + head.c.join(', '), card, 'soft');
          if (head.e.length) {
            const part = make('details', undefined, card);
            make('summary', 'where it writes most', part);
            part.addEventListener('toggle', () => {
              if (part.open && part.children.length === 1) head.e.forEach(e => example(part, e));
            });
          }
          return card;
        }

        // A change counts by its size, whatever its sign.
        const size = (v, i) => data.columns[i].change ? Math.abs(v) : v;

        function show() {
          const on = +by.value, bound = least.value === '' ? null : +least.value;
          least.disabled = on < 0;
          const some = data.heads.filter(h => (layer.value === '' || h.l === +layer.value)
            && (on < 0 || bound === null || (h.v[on] !== null && size(h.v[on], on) >= bound)));
          // Heads without one last; equal ones stay by layer.
          const value = h => h.v[on] === null ? -1e300 : size(h.v[on], on);
          if (on >= 0) some.sort((a, b) => value(b) - value(a));
          cards.replaceChildren(...some.map(h => draw(h, on)));
          find('say').textContent = some.length + ' of ' + data.heads.length + ' heads'
            + (on < 0 ? '' : ': ' + data.columns[on].meaning);
        }
        for (const e of [by, least, layer]) e.addEventListener('input', show);
        show();
        """;
}
