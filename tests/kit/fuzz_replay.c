// SPDX-License-Identifier: MIT
// Runs a fuzz target over every file of the folders given, so that a corpus is a test without libFuzzer.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0) {
        perror(path);
        exit(1);
    }
    // Exactly as long as the input, so that a sanitizer sees a read past its end.
    uint8_t *bytes = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
    size_t len = bytes ? fread(bytes, 1, (size_t)st.st_size, file) : 0;
    if (!bytes || len != (size_t)st.st_size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
}

static size_t replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        perror(folder);
        exit(1);
    }
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay_file(path);
        n++;
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    size_t n = 0;
    for (int i = 1; i < argc; i++) {
        n += replay_folder(argv[i]);
    }
    printf("%zu inputs replayed\n", n);
    return n > 0 ? 0 : 1;
}
