/* What every unit test includes: cmocka and its prerequisites.
 * It must not know what is tested. */
#ifndef CBM_TESTS_UNIT_CHECK_H
#define CBM_TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
