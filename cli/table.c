/* Tables on the terminal (cli.h). It must not know what is in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

void
cli_table_row(struct cli_table *table, const char *const cells[])
{
    size_t count = (size_t)(table->rows + 1) * table->columns;
    char **grown = realloc(table->cells, count * sizeof *grown);
    if (!grown)
        return;
    table->cells = grown;
    for (unsigned i = 0; i < table->columns; i++)
        grown[(size_t)table->rows * table->columns + i] = strdup(cells[i] ? cells[i] : "");
    table->rows++;
}

void
cli_table_free(struct cli_table *table)
{
    for (size_t i = 0; i < (size_t)table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->rows = 0;
}

/* Code points, which is near enough to columns for the scripts in use. */
static size_t
width_of(const char *text)
{
    size_t width = 0;
    for (; text && *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Prints at most `max` code points, an ellipsis for what is cut; control characters as blanks. */
static void
print_cut(const char *text, size_t max)
{
    size_t width = width_of(text), shown = 0;
    size_t keep = width > max ? max - 1 : width;
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        shown += (c & 0xc0) != 0x80;
        if (shown > keep)
            break;
        putchar(c < 0x20 || c == 0x7f ? ' ' : c);
    }
    if (width > max)
        fputs("…", stdout);
}

static size_t
line_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return size.ws_col;
    return SIZE_MAX; /* a file or a pipe gets all */
}

void
cli_table_print(struct cli_table *table)
{
    size_t widths[CLI_COLUMNS_MAX] = {0}, line = line_width(), before_last = 0;
    for (unsigned row = 0; row < table->rows; row++)
        for (unsigned i = 0; i < table->columns; i++) {
            size_t width = width_of(table->cells[(size_t)row * table->columns + i]);
            if (width > widths[i])
                widths[i] = width;
        }
    for (unsigned i = 0; i + 1 < table->columns; i++)
        before_last += widths[i] + 2;
    size_t last = line == SIZE_MAX ? SIZE_MAX : line > before_last + 10 ? line - before_last : 10;
    for (unsigned row = 0; row < table->rows; row++) {
        for (unsigned i = 0; i < table->columns; i++) {
            char *cell = table->cells[(size_t)row * table->columns + i];
            bool is_last = i + 1 == table->columns;
            print_cut(cell, is_last ? last : SIZE_MAX);
            for (size_t pad = width_of(cell); !is_last && pad < widths[i] + 2; pad++)
                putchar(' ');
        }
        putchar('\n');
    }
    cli_table_free(table);
}
