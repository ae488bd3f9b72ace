/* A block that is freed twice: what an analyser must see. */
#include <stdlib.h>

void freed_twice(void);

void freed_twice(void)
{
    char *block = (char *)malloc(1);
    free(block);
    free(block);
}
