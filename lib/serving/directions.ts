/** Rows `[n x dimension]` divided by their lengths; a row of zeros stays one. A new array. */
export function unitRows(rows: Float32Array, dimension: number): Float32Array {
  const units = new Float32Array(rows.length);
  for (let begin = 0; begin < rows.length; begin += dimension) {
    let squares = 0;
    for (let d = 0; d < dimension; d++) squares += rows[begin + d] ** 2;
    if (squares === 0) continue;
    const scale = 1 / Math.sqrt(squares);
    for (let d = 0; d < dimension; d++) units[begin + d] = rows[begin + d] * scale;
  }
  return units;
}
