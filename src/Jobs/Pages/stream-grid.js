// What the stream says, layer by position: a cell is [three tokens, probability of the first, entropy, rank, KL].
const measures = {
  p: [r => r[3], 1, x => (100 * x).toFixed(1) + ' %', 'probability of the shown token'],
  e: [r => r[4], 0, x => x.toFixed(2) + ' nats', 'entropy'],
  r: [r => Math.log(r[5]), 0, x => 'rank ' + Math.round(Math.exp(x)), 'rank of the final token'],
  k: [r => r[6], 0, x => x.toFixed(2) + ' nats', 'KL from the final distribution'],
};

// The value with the full colour, the same for all grids that stand side by side.
const fullColour = (grids, m) => measures[m][1]
  || Math.max(...grids.flatMap(g => g.cells.flat().map(measures[m][0])), 1e-9);

// Draws a grid with the end on top; word names a token, pick is told the position of a click.
function streamGrid(parent, grid, tokens, word, m, most, chosen, pick) {
  const [value, , text, what] = measures[m];
  const table = make('table', undefined, make('div', undefined, parent, 'scroll'));
  for (let l = grid.cells.length - 1; l >= 0; l--) {
    const tr = make('tr', undefined, table);
    make('th', grid.places[l], tr);
    grid.cells[l].forEach((reading, t) => {
      const td = make('td', word(reading[0]), tr), x = value(reading);
      td.style.background = `rgb(var(--up) / ${(0.85 * Math.min(1, x / most)).toFixed(3)})`;
      td.title = `${word(reading[0])} ${(100 * reading[3]).toFixed(1)} %, then ${word(reading[1])}, `
        + word(reading[2]) + (reading.length < 5 ? '' : `; entropy ${reading[4].toFixed(2)} nats, final token `
        + `at rank ${reading[5]}, KL ${reading[6].toFixed(2)} nats`);
      if (t === chosen) td.className = 'on';
      td.onclick = () => pick(t);
    });
  }
  const last = make('tr', undefined, table);
  make('th', '', last);
  tokens.forEach((id, t) => { make('th', word(id), last).title = 'position ' + t; });
  make('p', `full colour: ${what} ${text(most)}`, parent, 'keys');
}
