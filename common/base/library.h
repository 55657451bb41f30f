/* Shared libraries that are loaded when they are first needed, not with the program: the large ones
 * that many a process never uses (docs/decisions/0024). It must not know what they do. */
#ifndef CBM_BASE_LIBRARY_H
#define CBM_BASE_LIBRARY_H

#include <stddef.h>

/* A function of the library, and where in the table of functions its address goes. */
struct library_function {
    const char *name;
    size_t offset;
};

/* Loads a library by its soname ("libcurl.so.4") and fills the table. It stays loaded for good.
 * NULL, or what is wrong, valid until the thread's next call: then the table is as it was. */
const char *library_load(const char *soname, const struct library_function *functions, size_t count,
                         void *table);

#endif
