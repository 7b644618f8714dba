#include "client/suite_file.h"

#include <string.h>

#include "client/yaml_tree.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/json/suite_json.h"

enum status suite_file_parse(const char *name, const char *bytes, size_t len, struct arena *arena,
                             struct suite *out_suite, struct error *err)
{
    struct yaml_tree tree;
    const char *path = NULL;
    enum status status = yaml_tree_read(name, bytes, len, arena, &tree, err);

    if (status != STATUS_OK)
        return status;
    status = suite_from_file_json(tree.root, arena, out_suite, &path, err);
    if (status != STATUS_OK) {
        int line = yaml_tree_line(&tree, path != NULL ? path : "");
        status = error_wrap(err, status, arena_printf(arena, "%s:%d", name, line));
    }
    yaml_tree_release(&tree);
    return status;
}

enum status suite_file_read(const char *path, struct arena *arena, struct suite *out_suite,
                            struct error *err)
{
    CLEANUP(buffer_release) struct buffer bytes;

    buffer_init(&bytes, SUITE_FILE_BYTES_MAX);
    enum status status = file_read(path, &bytes, err);
    if (status == STATUS_NOT_FOUND)
        return error_set(err, status, "there is no suite file '%s'; name one with -f FILE", path);
    if (status != STATUS_OK)
        return status;
    return suite_file_parse(path, bytes.at, bytes.len, arena, out_suite, err);
}
