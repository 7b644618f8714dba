/* Runs a fuzz target over its corpus: `fuzz_NAME_replay FOLDER`.  A plain program, so that
 * every build and every compiler replays what the fuzzer once found. */

#include <dirent.h>
#include <stdio.h>

#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "tests/fuzz/fuzz.h"

/* libFuzzer's own default for the longest input is smaller. */
#define INPUT_BYTES_MAX ((size_t)1 << 20)

static int replay_file(const char *path)
{
    struct buffer bytes;
    struct error err;

    buffer_init(&bytes, INPUT_BYTES_MAX);
    enum status status = file_read(path, &bytes, &err);
    if (status == STATUS_OK)
        (void)LLVMFuzzerTestOneInput((const uint8_t *)bytes.at, bytes.len);
    else
        (void)fprintf(stderr, "%s: %s\n", path, err.text);
    buffer_release(&bytes);
    return status == STATUS_OK ? 0 : 1;
}

static int replay_folder(const char *folder, DIR *listing)
{
    const struct dirent *entry = NULL;
    int failures = 0;
    int count = 0;

    while ((entry = readdir(listing)) != NULL) { // NOLINT(concurrency-mt-unsafe): one thread
        if (entry->d_name[0] == '.')
            continue;
        char *path = mem_printf("%s/%s", folder, entry->d_name);
        failures += replay_file(path);
        mem_freep(&path);
        count++;
    }
    (void)printf("%d inputs\n", count);
    /* An empty corpus replays nothing and would always be green. */
    return failures == 0 && count > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }

    DIR *listing = opendir(argv[1]);
    if (listing == NULL) {
        perror(argv[1]);
        return 1;
    }
    int status = replay_folder(argv[1], listing);
    (void)closedir(listing);
    return status;
}
