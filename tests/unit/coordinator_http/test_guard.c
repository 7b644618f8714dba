/* What clients must not be able to say, byte by byte.  Each case ends with a request of
 * its own, as one that was smuggled would; it may be executed only where all before it was
 * taken for what it is. */

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/memory.h"
#include "tests/unit/coordinator_http/door.h"

#define HOST "Host: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"
#define GET  "GET /v1/agents HTTP/1.1\r\n"
#define POST "POST /v1/runs/1/cancel HTTP/1.1\r\n" HOST JSON

#define BODY       "{\"reason\":\"x\"}"
#define LENGTH     "Content-Length: 14\r\n"
#define CHUNKED    "Transfer-Encoding: chunked\r\n"
#define CHUNKS     "e\r\n" BODY "\r\n0\r\n\r\n"
#define NO_CHUNKS  "0\r\n\r\n"
#define HEAD_END   "\r\n"
#define MANY       65536
#define LAST       "GET /v1/agents HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
#define LAST_BYTES "63"
_Static_assert(sizeof(LAST) - 1 == 63, "the length that the hidden request is announced with");

#define SAYS(text) (text), sizeof(text) - 1

/* Bytes: head, `times` times pad, tail, LAST.  `agents`: how many of the requests for
 * /v1/agents are executed; LAST is one.  `cancels`: of those for .../cancel. */
static const struct guard_case {
    const char *what;
    const char *head;
    size_t head_len;
    const char *pad;
    long times;
    const char *tail;
    int status, agents, cancels;
} cases[] = {
    /* what is right */
    {"a length", SAYS(POST LENGTH HEAD_END BODY), "", 0, "", 200, 1, 1},
    {"chunks", SAYS(POST CHUNKED HEAD_END CHUNKS), "", 0, "", 200, 1, 1},
    {"a tab before chunked", SAYS(POST "Transfer-Encoding:\tchunked\r\n\r\n" CHUNKS), "", 0, "",
     200, 1, 1},
    {"a trailer", SAYS(POST CHUNKED HEAD_END "e\r\n" BODY "\r\n0\r\nX: y\r\n\r\n"), "", 0, "", 200,
     1, 1},
    {"a length in the trailer",
     SAYS(POST CHUNKED HEAD_END "e\r\n" BODY "\r\n0\r\nContent-Length: 5\r\n\r\n"), "", 0, "", 200,
     1, 1},
    {"no body", SAYS(GET HOST HEAD_END), "", 0, "", 200, 2, 0},
    {"two blanks in the request line", SAYS("GET  /v1/agents HTTP/1.1\r\n" HOST HEAD_END), "", 0,
     "", 200, 2, 0},

    /* how long is the body? */
    {"the same length twice", SAYS(POST LENGTH LENGTH HEAD_END BODY), "", 0, "", 400, 0, 0},
    {"lengths 14 and 0", SAYS(POST LENGTH "Content-Length: 0\r\n" HEAD_END BODY), "", 0, "", 400, 0,
     0},
    {"lengths 0 and the hidden request's",
     SAYS(POST "Content-Length: 0\r\nContent-Length: " LAST_BYTES "\r\n\r\n"), "", 0, "", 400, 0,
     0},
    {"a length and chunks", SAYS(POST "Content-Length: 68\r\n" CHUNKED HEAD_END NO_CHUNKS), "", 0,
     "", 400, 0, 0},
    {"chunks and a length", SAYS(POST CHUNKED "Content-Length: 4\r\n" HEAD_END NO_CHUNKS), "", 0,
     "", 400, 0, 0},
    {"two lengths in one", SAYS(POST "Content-Length: 14, 14\r\n" HEAD_END BODY), "", 0, "", 400, 0,
     0},
    {"a length with a plus", SAYS(POST "Content-Length: +14\r\n" HEAD_END BODY), "", 0, "", 400, 0,
     0},
    {"a length below 0", SAYS(POST "Content-Length: -1\r\n" HEAD_END BODY), "", 0, "", 400, 0, 0},
    {"a hexadecimal length", SAYS(POST "Content-Length: 0xe\r\n" HEAD_END BODY), "", 0, "", 400, 0,
     0},
    {"a length past 64 bits", SAYS(POST "Content-Length: 99999999999999999999\r\n" HEAD_END), "", 0,
     "", 413, 0, 0},
    {"an empty length", SAYS(POST "Content-Length:\r\n" HEAD_END), "", 0, "", 400, 0, 0},
    {"a tab after the length", SAYS(POST "Content-Length: 14\t\r\n" HEAD_END BODY), "", 0, "", 400,
     0, 0},
    {"a blank before the colon", SAYS(POST "Content-Length : 14\r\n" HEAD_END BODY), "", 0, "", 400,
     0, 0},
    {"another encoding", SAYS(POST "Transfer-Encoding: xchunked\r\n" HEAD_END NO_CHUNKS), "", 0, "",
     400, 0, 0},
    {"two encodings", SAYS(POST "Transfer-Encoding: gzip, chunked\r\n" HEAD_END NO_CHUNKS), "", 0,
     "", 400, 0, 0},
    {"identity and chunked",
     SAYS(POST "Transfer-Encoding: identity\r\n" CHUNKED HEAD_END NO_CHUNKS), "", 0, "", 400, 0, 0},
    {"chunked twice", SAYS(POST CHUNKED CHUNKED HEAD_END NO_CHUNKS), "", 0, "", 400, 0, 0},
    {"a control before chunked",
     SAYS(POST "Transfer-Encoding: \x0b"
               "chunked\r\n" HEAD_END NO_CHUNKS),
     "", 0, "", 400, 0, 0},
    {"chunks in HTTP/1.0",
     SAYS("POST /v1/runs/1/cancel HTTP/1.0\r\n" HOST JSON CHUNKED HEAD_END NO_CHUNKS), "", 0, "",
     400, 0, 0},
    {"a GET with a length", SAYS(GET HOST "Content-Length: " LAST_BYTES "\r\n" HEAD_END), "", 0, "",
     400, 0, 0},
    {"a GET with chunks", SAYS(GET HOST CHUNKED HEAD_END NO_CHUNKS), "", 0, "", 400, 0, 0},

    /* a body that nobody reads */
    {"too long a body", SAYS(POST "Content-Length: 2000000\r\n" HEAD_END), "", 0, "", 413, 0, 0},
    {"a body for no route",
     SAYS("POST /nowhere HTTP/1.1\r\n" HOST JSON "Content-Length: " LAST_BYTES "\r\n" HEAD_END), "",
     0, "", 404, 0, 0},
    {"a body for a method that is not there",
     SAYS("DELETE /v1/runs HTTP/1.1\r\n" HOST "Content-Length: " LAST_BYTES "\r\n" HEAD_END), "", 0,
     "", 405, 0, 0},
    {"chunks for a method that is not there",
     SAYS("PATCH /v1/runs HTTP/1.1\r\n" HOST CHUNKED HEAD_END NO_CHUNKS), "", 0, "", 405, 0, 0},

    /* chunks */
    {"a chunk past 64 bits", SAYS(POST CHUNKED HEAD_END "1FFFFFFFFFFFFFFFF5\r\n" BODY), "", 0, "",
     413, 0, 0},
    {"a chunk below 0", SAYS(POST CHUNKED HEAD_END "-5\r\n" BODY), "", 0, "", 400, 0, 0},
    {"a chunk with 0x", SAYS(POST CHUNKED HEAD_END "0xe\r\n" BODY), "", 0, "", 400, 0, 0},

    /* headers */
    {"a header that begins with a blank", SAYS(POST " " LENGTH HEAD_END BODY), "", 0, "", 400, 0,
     0},
    {"a CR inside a value", SAYS(POST "X: a\rb\r\n" LENGTH HEAD_END BODY), "", 0, "", 400, 0, 0},
    {"a header behind a CR", SAYS(POST "X: a\r" LENGTH HEAD_END BODY), "", 0, "", 400, 0, 0},
    {"a NUL in a name", SAYS(POST "X\0Y: a\r\n" LENGTH HEAD_END BODY), "", 0, "", 400, 0, 0},
    {"a header without a colon", SAYS(POST "Nonsense\r\n" LENGTH HEAD_END BODY), "", 0, "", 400, 0,
     0},
    {"a header without a name", SAYS(POST ": x\r\n" LENGTH HEAD_END BODY), "", 0, "", 400, 0, 0},
    {"no Host", SAYS(GET HEAD_END), "", 0, "", 400, 0, 0},
    {"two Hosts", SAYS(GET HOST HOST HEAD_END), "", 0, "", 400, 0, 0},
    {"two Origins", SAYS(GET HOST "Origin: http://localhost\r\nOrigin: http://evil\r\n" HEAD_END),
     "", 0, "", 400, 0, 0},
    {"a strange Expect", SAYS(POST "Expect: tea\r\n" LENGTH HEAD_END BODY), "", 0, "", 400, 0, 0},
    {"too many headers", SAYS(GET HOST), "X: y\r\n", 100, HEAD_END, 400, 0, 0},
    {"very many headers", SAYS(GET HOST), "X: y\r\n", MANY, HEAD_END, 431, 0, 0},
    {"a long header", SAYS(GET HOST "X: "), "a", MANY, "\r\n\r\n", 431, 0, 0},

    /* the request line */
    {"a NUL in the path", SAYS("GET /v1/agents%00x HTTP/1.1\r\n" HOST HEAD_END), "", 0, "", 400, 0,
     0},
    {"dots in the path", SAYS("GET /v1/%2e%2e/v1/agents HTTP/1.1\r\n" HOST HEAD_END), "", 0, "",
     400, 0, 0},
    {"a hidden slash", SAYS("GET /v1%2fagents HTTP/1.1\r\n" HOST HEAD_END), "", 0, "", 400, 0, 0},
    {"two slashes", SAYS("GET //v1/agents HTTP/1.1\r\n" HOST HEAD_END), "", 0, "", 400, 0, 0},
    {"a long path", SAYS("GET /"), "a", MANY, " HTTP/1.1\r\n" HOST HEAD_END, 414, 0, 0},
    {"an absolute target", SAYS("GET http://localhost/v1/agents HTTP/1.1\r\n" HOST HEAD_END), "", 0,
     "", 400, 0, 0},
    {"an asterisk", SAYS("OPTIONS * HTTP/1.1\r\n" HOST HEAD_END), "", 0, "", 400, 0, 0},
    {"a long method", SAYS(""), "A", 8192, " /v1/agents HTTP/1.1\r\n" HOST HEAD_END, 501, 0, 0},
    {"a method in small letters", SAYS("get /v1/agents HTTP/1.1\r\n" HOST HEAD_END), "", 0, "", 501,
     0, 0},
    {"HTTP/9.9", SAYS("GET /v1/agents HTTP/9.9\r\n" HOST HEAD_END), "", 0, "", 505, 0, 0},
    {"HTTP/2's preface", SAYS("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "", 0, "", 505, 0, 0},
    {"HTTP/0.9", SAYS("GET /v1/agents\r\n\r\n"), "", 0, "", 400, 0, 0},

    /* What the library hides from the guard (guard.h): taken as two requests, which they
     * are; only a proxy in front that sees one would be deceived. */
    {"bare LF in the head",
     SAYS("POST /v1/runs/1/cancel HTTP/1.1\nHost: localhost\nContent-Type: "
          "application/json\nContent-Length: 14\n\n" BODY),
     "", 0, "", 200, 1, 1},
    {"bare LF in chunks", SAYS(POST CHUNKED HEAD_END "e\n" BODY "\n0\n\n"), "", 0, "", 200, 1, 1},
    {"a NUL in a value", SAYS(POST "X: a\0b\r\n" LENGTH HEAD_END BODY), "", 0, "", 200, 1, 1},
    {"a folded header", SAYS(POST "X: a\r\n b\r\n" LENGTH HEAD_END BODY), "", 0, "", 200, 1, 1},
};

static void say_case(int fd, const struct guard_case *it)
{
    size_t pad_len = strlen(it->pad);
    size_t len = pad_len * (size_t)it->times;
    CLEANUP(mem_freep) char *pads = mem_alloc(len + 1);

    for (size_t i = 0; i < (size_t)it->times; i++)
        (void)memcpy(pads + i * pad_len, it->pad, pad_len);
    wire_send(fd, it->head, it->head_len);
    wire_send(fd, pads, len);
    wire_say(fd, it->tail);
    wire_say(fd, LAST);
}

Test(guard, nothing_is_smuggled)
{
    struct door door;

    door_open(&door, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct guard_case *it = &cases[i];
        int agents = fake_engine_count(door.engine, COMMAND_AGENTS);
        int cancels = fake_engine_count(door.engine, COMMAND_CANCEL);
        int fd = wire_open(door.port);

        buffer_clear(&door.answer);
        say_case(fd, it);
        cr_expect(wire_read_to_end(fd, &door.answer), "%s: it stays open", it->what);
        cr_expect_eq(wire_status(door.answer.at), it->status, "%s: %s", it->what, door.answer.at);
        cr_expect_eq(fake_engine_count(door.engine, COMMAND_AGENTS) - agents, it->agents, "%s",
                     it->what);
        cr_expect_eq(fake_engine_count(door.engine, COMMAND_CANCEL) - cancels, it->cancels, "%s",
                     it->what);
        (void)close(fd);
    }
    door_close(&door);
}
