/* The example on a host: reads the image from the file that the command line names. */

#include <stdio.h>
#include <stdlib.h>

#include "example.h"

void put(const char *text)
{
    fputs(text, stdout);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s policy.rlfd\n", argv[0]);
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(argv[1]);
        return 2;
    }
    long len = ftell(file);
    rewind(file);
    /* An image wants to begin at a multiple of 16. */
    void *image = aligned_alloc(16, ((size_t)len + 15) / 16 * 16);
    if (image == NULL || fread(image, 1, (size_t)len, file) != (size_t)len) {
        perror(argv[1]);
        return 2;
    }
    fclose(file);
    return example(image, (size_t)len);
}
