/* See library.h. */
#include "common/base/library.h"

#include <dlfcn.h>
#include <string.h>

const char *
library_load(const char *soname, const struct library_function *functions, size_t count,
             void *table)
{
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return dlerror();
    for (size_t i = 0; i < count; i++) {
        if (!dlsym(library, functions[i].name)) {
            dlclose(library);
            return "it is another one: a function is missing";
        }
    }
    for (size_t i = 0; i < count; i++) {
        void *function = dlsym(library, functions[i].name);
        memcpy((char *)table + functions[i].offset, &function, sizeof function);
    }
    return NULL;
}
