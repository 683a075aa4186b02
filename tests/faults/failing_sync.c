/* fsync and fdatasync that fail once: a file holds how many calls are left until then, 0 for never. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int fails_now(void) {
    const char *path = getenv("FAILING_SYNC_FILE");
    FILE *file = path ? fopen(path, "r+") : NULL;
    int left = 0;
    if (file == NULL) return 0;
    if (fscanf(file, "%d", &left) != 1) left = 0;
    if (left > 0) {
        rewind(file);
        fprintf(file, "%d    ", left - 1);
    }
    fclose(file);
    return left == 1;
}

static int synced(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (fails_now()) {
        errno = EIO;
        return -1;
    }
    return real(descriptor);
}

int fsync(int descriptor) { return synced("fsync", descriptor); }
int fdatasync(int descriptor) { return synced("fdatasync", descriptor); }
