/* See man.h. */
#include "common/base/man.h"

#include <stdio.h>

/* Text in which nothing is a command: no line begins with one, no backslash is an escape. */
static void
put(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((at == text || at[-1] == '\n') && (*at == '.' || *at == '\''))
            fputs("\\&", stdout);
        if (*at == '\\')
            fputs("\\e", stdout);
        else if (*at == '-')
            fputs("\\-", stdout);
        else if (*at == '\'')
            fputs("\\(aq", stdout);
        else
            putchar(*at);
    }
}

void
man_page(const char *name, int section, const char *version, const char *about)
{
    fputs(".TH \"", stdout);
    for (const char *at = name; *at; at++)
        putchar(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    printf("\" %d \"\" \"CBM Bus %s\" \"CBM Bus\"\n.SH NAME\n", section, version);
    put(name);
    fputs(" \\- ", stdout);
    put(about);
    putchar('\n');
}

void
man_section(const char *title)
{
    printf(".SH %s\n", title);
}

void
man_paragraph(void)
{
    fputs(".PP\n", stdout);
}

void
man_text(const char *text)
{
    put(text);
    putchar('\n');
}

void
man_lines(const char *text)
{
    fputs(".nf\n", stdout);
    put(text);
    fputs("\n.fi\n", stdout);
}

void
man_item(const char *name, const char *value, const char *text)
{
    fputs(".TP\n\\fB", stdout);
    put(name);
    fputs("\\fR", stdout);
    if (value) {
        fputs(" \\fI", stdout);
        put(value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put(text);
    putchar('\n');
}
