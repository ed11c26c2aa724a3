/* The smallest thing to test C with: one program, the test's name as its argument. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

#define CHECK_SAME(got, got_size, wanted) \
    do { \
        if ((got_size) != (wanted).size || memcmp((got), (wanted).data, (wanted).size) != 0) { \
            fprintf(stderr, "%s:%d: other bytes than in %s\n", __FILE__, __LINE__, (wanted).name); \
            exit(1); \
        } \
    } while (0)

#endif
