namespace HeadTap.Jobs;

/// <summary>The part of the plane's page that moves: contours, and a surface that turns.</summary>
static class LandscapePlaneScript
{
    internal const string Style = """
        .plane .plots{display:flex;flex-wrap:wrap;gap:1rem}
        .plane canvas{width:28rem;max-width:100%;height:auto;touch-action:none}
        .plane .turn{cursor:grab}.plane .turn:active{cursor:grabbing}
        .plane .say{font-variant-numeric:tabular-nums;min-height:1.5em}.plane label{margin-right:1.2rem}
        """;

    internal const string Markup = """
        <div class="plane"><p><label>show <select class="what"><option value="loss">loss</option>
        <option value="accuracy">accuracy</option></select></label>
        <label><input type="checkbox" class="log"> logarithmic</label></p>
        <div class="plots"><canvas class="flat" width="896" height="816"></canvas>
        <canvas class="turn" width="896" height="816" tabindex="0"></canvas></div>
        <p class="say" aria-live="polite">&nbsp;</p></div>
        """;

    // Values lie row by row from the bottom left. Lengths are in the canvas' own pixels, two to a point.
    internal const string Script = """
        const pick = name => root.querySelector('.' + name);
        const flat = pick('flat'), turn = pick('turn'), say = pick('say'), what = pick('what');
        const log = pick('log');
        const nx = data.x.length, ny = data.y.length, left = 96, top = 28, side = 690;
        const x0 = data.x[0], x1 = data.x[nx - 1], y0 = data.y[0], y1 = data.y[ny - 1];
        const palette = data.palette.map(c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)));
        let values, place, low, high, yaw = -0.7, pitch = 0.6, projected = [];
        const finite = data.loss.filter(v => v !== null);
        // Not Math.min(...values): a call takes some 100000 arguments at most.
        const least = all => all.reduce((a, b) => Math.min(a, b), Infinity);
        const most = all => all.reduce((a, b) => Math.max(a, b), -Infinity);
        log.checked = least(finite) > 0 && most(finite) > 3 * least(finite);

        const share = v => Math.min(1, Math.max(0, (place(v) - low) / (high - low)));
        const mix = t => {
          const at = t * (palette.length - 1), i = Math.min(Math.floor(at), palette.length - 2);
          return palette[i].map((c, k) => c + (palette[i + 1][k] - c) * (at - i));
        };
        const ink = () => getComputedStyle(root).color;
        const number = v => v === null ? 'not finite' : v.toFixed(4);
        const short = v => +v.toPrecision(3);
        const told = p => `${number(p.loss)} nats, accuracy ${(100 * p.accuracy).toFixed(2)} %`;
        const px = x => left + (x - x0) / (x1 - x0) * side, py = y => top + (1 - (y - y0) / (y1 - y0)) * side;

        function prepare() {
          values = data[what.value];
          const known = values.filter(v => v !== null);
          const logarithmic = log.checked && least(known) > 0;
          place = logarithmic ? Math.log : v => v;
          low = place(least(known)); high = place(most(known));
          if (!(high > low)) high = low + 1e-9;
        }

        function drawFlat() {
          const g = flat.getContext('2d');
          g.clearRect(0, 0, flat.width, flat.height);
          const image = g.createImageData(side, side);
          for (let v = 0; v < side; v++) {
            const fy = (1 - v / (side - 1)) * (ny - 1), r = Math.min(Math.floor(fy), ny - 2), b = fy - r;
            for (let u = 0; u < side; u++) {
              const fx = u / (side - 1) * (nx - 1), c = Math.min(Math.floor(fx), nx - 2), a = fx - c;
              const i = r * nx + c;
              const q = [values[i], values[i + 1], values[i + nx], values[i + nx + 1]];
              if (q.includes(null)) continue;
              const s = q.map(share);
              const rgb = mix((s[0] * (1 - a) + s[1] * a) * (1 - b) + (s[2] * (1 - a) + s[3] * a) * b);
              image.data.set([rgb[0], rgb[1], rgb[2], 255], 4 * (v * side + u));
            }
          }
          g.putImageData(image, left, top);
          g.strokeStyle = 'rgba(255,255,255,.75)'; g.lineWidth = 1.6;
          for (let k = 1; k < 12; k++) contour(g, k / 12);
          axes(g); marks(g, m => [px(m.x), py(m.y)], m => m.x >= x0 && m.x <= x1 && m.y >= y0 && m.y <= y1);
        }

        function contour(g, level) {
          g.beginPath();
          for (let r = 0; r + 1 < ny; r++) for (let c = 0; c + 1 < nx; c++) {
            const corners = [[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]], cuts = [];
            if (corners.some(p => values[p[1] * nx + p[0]] === null)) continue;
            for (let i = 0; i < 4; i++) {
              const p = corners[i], q = corners[(i + 1) % 4];
              const a = share(values[p[1] * nx + p[0]]), b = share(values[q[1] * nx + q[0]]);
              if (a > level === b > level) continue;
              const t = (level - a) / (b - a);
              cuts.push([left + (p[0] + t * (q[0] - p[0])) / (nx - 1) * side,
                top + (1 - (p[1] + t * (q[1] - p[1])) / (ny - 1)) * side]);
            }
            const pairs = cuts.length === 4 ? [[0, 3], [1, 2]] : cuts.length === 2 ? [[0, 1]] : [];
            for (const [i, j] of pairs) { g.moveTo(...cuts[i]); g.lineTo(...cuts[j]); }
          }
          g.stroke();
        }

        function axes(g) {
          g.fillStyle = ink(); g.font = '22px system-ui,sans-serif';
          g.textAlign = 'center';
          for (let i = 0; i <= 4; i++)
            g.fillText(short(x0 + (x1 - x0) * i / 4), left + side * i / 4, top + side + 32);
          g.fillText(data.across, left + side / 2, top + side + 72);
          g.textAlign = 'right';
          for (let i = 0; i <= 4; i++)
            g.fillText(short(y0 + (y1 - y0) * i / 4), left - 10, top + side - side * i / 4 + 8);
          g.save(); g.translate(26, top + side / 2); g.rotate(-Math.PI / 2); g.textAlign = 'center';
          g.fillText(data.up, 0, 0); g.restore();
          const bar = left + side + 16;
          for (let i = 0; i < side; i++) {
            g.fillStyle = `rgb(${mix(1 - i / side).map(Math.round)})`; g.fillRect(bar, top + i, 20, 2);
          }
          g.fillStyle = ink(); g.textAlign = 'left'; g.font = '18px system-ui,sans-serif';
          const back = place === Math.log ? Math.exp : v => v;
          for (let i = 0; i <= 4; i++)
            g.fillText(short(back(low + (high - low) * i / 4)), bar + 24,
              top + side - side * i / 4 + (i === 4 ? 14 : 4));
        }

        function marks(g, where, inside) {
          const shown = data.marks.filter(inside);
          if (data.joined) {
            g.strokeStyle = '#e4572e'; g.lineWidth = 3; g.beginPath();
            shown.forEach((m, i) => i ? g.lineTo(...where(m)) : g.moveTo(...where(m))); g.stroke();
          }
          g.font = '22px system-ui,sans-serif'; g.textAlign = 'left';
          shown.forEach((m, i) => {
            const [x, y] = where(m);
            g.beginPath(); g.arc(x, y, 7, 0, 7); g.fillStyle = '#e4572e'; g.fill();
            g.strokeStyle = '#fff'; g.lineWidth = 2; g.stroke();
            if (shown.length > 12 && i > 0 && i < shown.length - 1) return;
            g.lineWidth = 5; g.strokeText(m.name, x + 12, y - 10);
            g.fillStyle = '#24292f'; g.fillText(m.name, x + 12, y - 10);
          });
        }

        // The surface: a height a grid point, faces from the back to the front, light from the upper left.
        function point(c, r, h) {
          const x = c / (nx - 1) - 0.5, y = r / (ny - 1) - 0.5;
          const X = x * Math.cos(yaw) - y * Math.sin(yaw), Y = x * Math.sin(yaw) + y * Math.cos(yaw);
          const depth = Y * Math.cos(pitch) - h * Math.sin(pitch);
          return [448 + X * 600, 420 - (h * Math.cos(pitch) + Y * Math.sin(pitch)) * 600, depth];
        }
        const height = v => share(v) * 0.6 - 0.3;

        function drawTurn() {
          const g = turn.getContext('2d');
          g.clearRect(0, 0, turn.width, turn.height);
          projected = values.map((v, i) => v === null ? null : point(i % nx, Math.floor(i / nx), height(v)));
          const faces = [];
          for (let r = 0; r + 1 < ny; r++) for (let c = 0; c + 1 < nx; c++) {
            const at = [r * nx + c, r * nx + c + 1, (r + 1) * nx + c + 1, (r + 1) * nx + c];
            if (at.some(i => values[i] === null)) continue;
            faces.push([at, at.reduce((s, i) => s + projected[i][2], 0)]);
          }
          faces.sort((a, b) => b[1] - a[1]);
          for (const [at] of faces) {
            const h = at.map(i => height(values[i]));
            const sx = (h[1] + h[2] - h[0] - h[3]) / 2 * (nx - 1);
            const sy = (h[3] + h[2] - h[0] - h[1]) / 2 * (ny - 1);
            const light = 0.62 + 0.38 * (0.5 * sx - 0.35 * sy + 0.8) / Math.hypot(sx, sy, 1);
            const rgb = mix(at.reduce((s, i) => s + share(values[i]), 0) / 4)
              .map(c => Math.round(Math.min(255, c * light)));
            g.beginPath();
            at.forEach((i, k) => {
              const [x, y] = projected[i];
              if (k) g.lineTo(x, y); else g.moveTo(x, y);
            });
            g.closePath(); g.fillStyle = g.strokeStyle = `rgb(${rgb})`; g.lineWidth = 1; g.fill(); g.stroke();
          }
          marks(g, m => {
            const c = (m.x - x0) / (x1 - x0) * (nx - 1), r = (m.y - y0) / (y1 - y0) * (ny - 1);
            const v = values[Math.round(r) * nx + Math.round(c)];
            return point(c, r, v === null ? -0.3 : height(v) + 0.01);
          }, m => m.x >= x0 && m.x <= x1 && m.y >= y0 && m.y <= y1);
        }

        const pixel = (canvas, event) => {
          const box = canvas.getBoundingClientRect(), k = canvas.width / box.width;
          return [(event.clientX - box.left) * k, (event.clientY - box.top) * k];
        };
        const tell = i => say.textContent = `${short(data.x[i % nx])}, ${short(data.y[Math.floor(i / nx)])}: `
          + told({ loss: data.loss[i], accuracy: data.accuracy[i] });
        flat.addEventListener('pointermove', event => {
          const [x, y] = pixel(flat, event);
          const mark = data.marks.find(m => Math.hypot(px(m.x) - x, py(m.y) - y) < 12);
          if (mark) { say.textContent = `${mark.name}: ${told(mark)}`; return; }
          const c = Math.round((x - left) / side * (nx - 1));
          const r = Math.round((1 - (y - top) / side) * (ny - 1));
          if (c >= 0 && c < nx && r >= 0 && r < ny) tell(r * nx + c);
        });
        let held = null;
        turn.addEventListener('pointerdown', event => {
          held = [event.clientX, event.clientY]; turn.setPointerCapture(event.pointerId);
        });
        turn.addEventListener('pointerup', () => { held = null; });
        const rotate = (dx, dy) => {
          yaw += dx; pitch = Math.min(1.5, Math.max(0.1, pitch + dy)); drawTurn();
        };
        turn.addEventListener('pointermove', event => {
          if (held) {
            rotate((event.clientX - held[0]) / 150, (held[1] - event.clientY) / 150);
            held = [event.clientX, event.clientY];
            return;
          }
          const [x, y] = pixel(turn, event);
          let best = -1, least = 14;
          projected.forEach((p, i) => {
            const d = p ? Math.hypot(p[0] - x, p[1] - y) : 1e9;
            if (d < least) { least = d; best = i; }
          });
          if (best >= 0) tell(best);
        });
        turn.addEventListener('keydown', event => {
          const step = {
            ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1],
          }[event.key];
          if (step) { event.preventDefault(); rotate(...step); }
        });
        const draw = () => { prepare(); drawFlat(); drawTurn(); };
        what.addEventListener('change', draw); log.addEventListener('change', draw);
        draw();
        """;
}
