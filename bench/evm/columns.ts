// Tables of text, as the reports of this folder print them.

/** Columns padded to their widest cell: the first to the left, the others to the right, the last as it is. */
export function alignColumns(table: readonly (readonly string[])[]): string[] {
  const columnCount = Math.max(0, ...table.map((row) => row.length));
  const widths = Array.from({ length: columnCount }, (_, column) => {
    return Math.max(...table.map((row) => row[column]?.length ?? 0));
  });
  return table.map((row) => {
    const padded = row.map((cell, i) => {
      if (i === columnCount - 1) return cell;
      return i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
    });
    return `  ${padded.join("  ").trimEnd()}`;
  });
}
