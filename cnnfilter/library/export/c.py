"""C: a program that filters a gray picture, and a table that any program can take."""

from __future__ import annotations

from cnnfilter.library.export.text import header
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.numbers import digits

_PROGRAM = """\
#include <stdio.h>
#include <stdlib.h>

enum {{ ROWS = {rows}, COLUMNS = {columns} }};

static const double kernel[ROWS][COLUMNS] = {{
{table}
}};

/* out has (height - ROWS + 1) * (width - COLUMNS + 1) cells; the kernel is not flipped. */
static void correlate(const unsigned char *in, int height, int width, double *out)
{{
    for (int y = 0; y + ROWS <= height; y++)
        for (int x = 0; x + COLUMNS <= width; x++) {{
            double sum = 0;
            for (int r = 0; r < ROWS; r++)
                for (int c = 0; c < COLUMNS; c++)
                    sum += kernel[r][c] * in[(size_t)(y + r) * width + x + c];
            *out++ = sum;
        }}
}}

int main(void)
{{
    int width, height, most;
    if (scanf("P5 %d %d %d", &width, &height, &most) != 3 || most != 255 || getchar() == EOF
        || width < COLUMNS || height < ROWS)
        return 2;
    size_t size = (size_t)width * height;
    unsigned char *image = malloc(size);
    double *out = malloc(size * sizeof *out);
    if (!image || !out || fread(image, 1, size, stdin) != size)
        return 2;
    correlate(image, height, width, out);
    for (int y = 0; y + ROWS <= height; y++)
        for (int x = 0; x + COLUMNS <= width; x++)
            printf("%.17g%c", *out++, x + COLUMNS < width ? ',' : '\\n');
    return 0;
}}
"""


def program(kernel: Kernel, image: str) -> str:
    """Return a C program that reads a gray PGM and writes numbers."""
    rows, columns = kernel.weights.shape
    cells = [[digits(value) for value in row] for row in kernel.weights]
    width = max(len(cell) for row in cells for cell in row)
    table = ",\n".join("    { " + ", ".join(cell.rjust(width) for cell in row) + " }" for row in cells)
    more = "cc -O2 kernel.c -o kernel && ./kernel < image.pgm > out.csv"
    return header(kernel, mark="//", more=more) + _PROGRAM.format(rows=rows, columns=columns, table=table)
