/* Configuration: one table of rows a program; values from the environment, then a ZPL file, then
 * the default. A wrong value stops the start with one clear line. */
#ifndef CBM_BASE_CFG_H
#define CBM_BASE_CFG_H

#include <stddef.h>
#include <stdint.h>

enum cfg_kind {
    CFG_TEXT,      /* char[max]; min is the smallest length */
    CFG_INT,       /* int64_t, min..max */
    CFG_WORD,      /* int64_t: the index in `words` ("debug|info|warn|error") */
    CFG_ENDPOINTS, /* char[max]: ZeroMQ endpoints by comma, each "tcp://", "ipc://" or "inproc://"
                    */
};

/* A setting. `name` is the environment variable ("CBM_LOG_LEVEL"); in the file the same setting is
 * `log_level`. `offset` is where the value stands in the program's config struct. */
struct cfg_row {
    const char *name;
    enum cfg_kind kind;
    size_t offset;
    const char *fallback;
    int64_t min, max;
    const char *words;
    const char *doc;
};

#define CFG_END                                                                                    \
    {                                                                                              \
        NULL, CFG_TEXT, 0, NULL, 0, 0, NULL, NULL                                                  \
    }
#define CFG_TEXT_MAX 1024

/* Fills `config` from the rows (ended by CFG_END). `file` is a ZPL file or NULL. On a wrong value
 * or an unreadable file writes one line to stderr and returns -1; 0 otherwise. */
int cfg_load(const struct cfg_row *rows, void *config, const char *file);

/* Prints the rows as a --help section to stdout. */
void cfg_print(const struct cfg_row *rows);

/* The next endpoint of a comma list: copies it to `out` and returns what follows, NULL at the end.
 * for (const char *at = list; (at = cfg_next_endpoint(at, out, sizeof out)); ) … */
const char *cfg_next_endpoint(const char *list, char *out, size_t out_size);

#endif
