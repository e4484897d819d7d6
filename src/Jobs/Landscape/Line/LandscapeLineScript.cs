namespace HeadTap.Jobs;

/// <summary>The part of the line's page that moves: values at the place under the pointer.</summary>
static class LandscapeLineScript
{
    internal const string Style = """
        .line-plot{position:relative}.line-plot .say{font-variant-numeric:tabular-nums;min-height:1.5em}
        .line-plot .rule{position:absolute;width:1px;background:#8a94a3;pointer-events:none;display:none}
        """;

    internal const string Markup =
        "<div class=\"line-plot\"><div class=\"chart\"></div><div class=\"rule\"></div>"
        + "<p class=\"say\" aria-live=\"polite\">&nbsp;</p></div>";

    // The chart's own file is drawn; its plot begins at 62 and is 470 wide (SvgChart.Curves).
    internal const string Script = """
        const chart = root.querySelector('.chart'), say = root.querySelector('.say');
        const rule = root.querySelector('.rule');
        chart.append(new DOMParser().parseFromString(data.svg, 'image/svg+xml').documentElement);
        const svg = chart.querySelector('svg'), left = 62, wide = 470, top = 40, high = 330;
        chart.addEventListener('pointermove', event => {
          const box = svg.getBoundingClientRect(), outer = chart.getBoundingClientRect();
          const scale = box.width / svg.viewBox.baseVal.width;
          const at = Math.min(1, Math.max(0, ((event.clientX - box.left) / scale - left) / wide));
          const row = data.rows[Math.round(at * (data.rows.length - 1))];
          rule.style.display = 'block';
          rule.style.left = box.left - outer.left + (left + row[0] * wide) * scale + 'px';
          rule.style.top = box.top - outer.top + top * scale + 'px';
          rule.style.height = high * scale + 'px';
          const number = v => v === null ? 'not finite' : v.toFixed(4);
          const told = (loss, share) => `loss ${number(loss)}, accuracy ${(100 * share).toFixed(2)} %`;
          say.textContent = `a ${row[0].toFixed(4)} (0 is ${data.from}, 1 is ${data.to}): `
            + told(row[1], row[2]) + (row.length > 3 ? '; test ' + told(row[3], row[4]) : '');
        });
        """;
}
