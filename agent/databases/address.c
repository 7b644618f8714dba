#include "agent/databases/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/databases/forward.h"
#include "agent/databases/template.h"
#include "shared/base/file.h"
#include "shared/base/random.h"

/* 128 random bits: enough that no other slot's worker guesses it. */
#define PASSWORD_BYTES 16

struct address {
    const struct server_engine *engine;
    struct forward *forward;
    char *dir;
    char *link;
    char password[2 * PASSWORD_BYTES + 1];
};

/* PostgreSQL's clients make the socket's name from the port. */
static char *link_name(const struct address *address, int port)
{
    return address->engine->socket_prefix != NULL
               ? mem_printf("%s/%s%d", address->dir, address->engine->socket_prefix, port)
               : mem_printf("%s/%s", address->dir, address->engine->socket_name);
}

/* The link's name needs the port, the forward the link's: the forward looks at a second link. */
enum status address_new(struct databases *databases, const struct server_engine *engine,
                        const char *dir, struct address **out_address, struct error *err)
{
    struct address *address = mem_zalloc(sizeof(*address));
    CLEANUP(mem_freep) char *inner = mem_printf("%s/server", dir);
    enum status status = file_make_directories(dir, 0755, err);

    address->engine = engine;
    address->dir = mem_strdup(dir);
    random_hex(address->password, PASSWORD_BYTES);
    if (status == STATUS_OK)
        status = forward_new(databases->loop, inner, &address->forward, err);
    if (status == STATUS_OK) {
        address->link = link_name(address, forward_port(address->forward));
        (void)unlink(address->link);
        if (symlink("server", address->link) != 0)
            status = error_set_errno(err, "cannot make '%s'", address->link);
    }
    if (status == STATUS_OK)
        *out_address = address;
    else
        address_free(address);
    return status;
}

void address_free(struct address *address)
{
    if (address == NULL)
        return;
    forward_free(address->forward);
    (void)!file_remove_tree(address->dir, NULL);
    free(address->dir);
    free(address->link);
    free(address);
}

enum status address_aim(const struct address *address, const char *socket_dir, struct error *err)
{
    CLEANUP(mem_freep) char *inner = mem_printf("%s/server", address->dir);
    CLEANUP(mem_freep) char *beside = mem_printf("%s/server.new", address->dir);
    CLEANUP(mem_freep)
    char *socket = mem_printf("%s/%s", socket_dir, address->engine->socket_name);

    (void)unlink(beside);
    if (symlink(socket, beside) != 0)
        return error_set_errno(err, "cannot make '%s'", beside);
    if (rename(beside, inner) != 0)
        return error_set_errno(err, "cannot rename '%s'", beside);
    return STATUS_OK;
}

int address_port(const struct address *address)
{
    return forward_port(address->forward);
}

const char *address_password(const struct address *address)
{
    return address->password;
}

const char *address_socket(const struct address *address)
{
    return address->engine->socket_prefix != NULL ? address->dir : address->link;
}
