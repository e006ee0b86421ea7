/* What the example asks of the machine it runs on, and what it offers it. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stddef.h>

/* Writes text where somebody sees it. The machine's. */
void put(const char *text);

/* Runs the image of `len` bytes, which begins at a multiple of 16; 0 if all went as it should. The example's. */
int example(const void *image, size_t len);

#endif
