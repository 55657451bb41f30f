/* Manual pages from the same tables as --help, in man(7), to stdout. It must not know programs. */
#ifndef CBM_BASE_MAN_H
#define CBM_BASE_MAN_H

/* The head of a page and its NAME: man_page("cbm-call", 1, "0.1.0", "calls a method"). */
void man_page(const char *name, int section, const char *version, const char *about);
void man_section(const char *title);

/* Between two texts of a section. */
void man_paragraph(void);

/* Text, with all that has a meaning in man(7) escaped. */
void man_text(const char *text);

/* Lines that stay as they are. */
void man_lines(const char *text);

/* An item and what is said of it. `value` may be NULL. */
void man_item(const char *name, const char *value, const char *text);

#endif
