/*
 * The load generator of the benchmarks: one thread, raw sockets, epoll, frames made beforehand.
 *
 *     load MODE name=value...        MODE: socket, broadcast, http, open-socket, open-http, idle
 *
 * socket       websockets with `in_flight` messages each; an echo is answered by the next message
 * broadcast    the first of many websockets sends, all of them receive
 * http         one receiver and one sender connection for each session, one message in flight
 * open-socket  `connections` at a time connect, upgrade, get their open frame and close
 * open-http    `connections` at a time ask for the open frame of ever new sessions
 * idle         opens websockets, says `ready`, and answers pings until its standard input ends
 *
 * Every message has the number of its session and its own number in it. One that is wrong, lost,
 * doubled or out of order ends the run with exit code 1; `canned` sends the same message over and
 * over, for servers that answer without looking. Time that is measured starts after `warmup`
 * seconds; afterwards all that is under way must still arrive, with no silence of more than
 * `patience` seconds. The result is one line of JSON:
 * times in seconds, latencies in microseconds, CPU time of `pid`, `pid2` included, and of this process.
 *
 * Run by run.py and soak.py, which compile it. It connects to 127.0.0.1 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef unsigned char byte;

#define NS 1000000000ULL
#define EVENTS 256
#define ID 16 /* "0001:0000000001:", at the start of each message */
#define UPGRADE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define UPGRADE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum mode { SOCKET, BROADCAST, HTTP, OPEN_SOCKET, OPEN_HTTP, IDLE };
static const char *const mode_names[] = {"socket",      "broadcast", "http",
                                         "open-socket", "open-http", "idle"};
enum role { WEBSOCKET, RECEIVER, SENDER };
/* What of an HTTP response is expected next. */
enum part { HEAD, BODY, UNTIL_CLOSE, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER };

struct conn {
    int fd;
    unsigned number;
    enum role role;
    int upgraded, opened, closing, busy, last_response;
    enum part part;
    size_t left;           /* of this body or chunk */
    byte *in, *out, *body; /* received; not yet sent; taken out of its chunks */
    size_t in_len, in_cap, out_len, out_cap, body_len, body_cap;
    uint64_t sent, received, started;
    uint64_t *times; /* when the messages under way were sent */
    struct conn *peer;
    char id[40]; /* of an HTTP session */
};

static enum mode mode;
static const char *path = "/echo", *transport = "websocket";
static unsigned port, pid, pid2, connections = 1, in_flight = 1, size = 32, utf8, canned, polite;
static double seconds = 1, warmup = 0.2, patience = 20;

static int poller;
static struct conn *conns;
static unsigned conn_count;
static uint64_t now, last_progress;
static uint64_t outstanding, opened_ever, reconnects;
static int draining, measuring;
static unsigned *deliveries; /* of each broadcast under way */
static int raw;

/* -- ends and memory */

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void *grown(void *memory, size_t bytes)
{
    void *larger = realloc(memory, bytes);
    if (larger == NULL)
        die("no memory for %zu bytes", bytes);
    return larger;
}

static void append(byte **buffer, size_t *len, size_t *cap, const byte *data, size_t n)
{
    if (*len + n > *cap) {
        *cap = (*len + n) * 2;
        *buffer = grown(*buffer, *cap);
    }
    memcpy(*buffer + *len, data, n);
    *len += n;
}

static uint64_t clock_of(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        die("cannot read a clock: %s", strerror(errno));
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_of(unsigned process)
{
    clockid_t clock;
    if (process == 0)
        return 0;
    if (clock_getcpuclockid((pid_t)process, &clock) != 0)
        die("process %u is gone", process);
    return clock_of(clock);
}

static uint64_t server_cpu(void)
{
    return cpu_of(pid) + cpu_of(pid2);
}

/* -- latencies: buckets that are 3 % wide */

static uint64_t buckets[64 * 32];
static uint64_t counted;

static void count_latency(uint64_t ns)
{
    int exponent = 63 - __builtin_clzll(ns | 1);
    size_t index = exponent <= 5 ? ns : ((size_t)(exponent - 5) << 5) + (ns >> (exponent - 5));
    buckets[index]++;
    counted++;
}

static double percentile_us(double part)
{
    uint64_t wanted = (uint64_t)((double)counted * part), seen = 0;
    for (size_t index = 0; index < sizeof buckets / sizeof *buckets; index++) {
        seen += buckets[index];
        if (seen > wanted) {
            if (index < 64)
                return (double)index / 1000;
            return ((double)(index % 32) + 32.5) * (double)(1ULL << (index / 32 - 1)) / 1000;
        }
    }
    return 0;
}

static void progress(uint64_t sent_at)
{
    last_progress = now;
    if (measuring)
        count_latency(now - sent_at);
}

/* -- messages: ID, then a tail that all have */

static byte *tail;        /* as it is */
static byte *masked_tail; /* as it goes into a websocket frame, with what follows it */
static size_t masked_len, prefix_len;
static byte frame_head[14];
static size_t head_len;
static const byte mask[4] = {0x37, 0xfa, 0x21, 0x9d};

static void make_id(byte *into, unsigned session, uint64_t number)
{
    static const char hex[] = "0123456789abcdef";
    if (canned)
        session = 0, number = 0;
    for (int i = 3; i >= 0; i--, session >>= 4)
        into[i] = (byte)hex[session & 15];
    into[4] = into[15] = ':';
    for (int i = 14; i >= 5; i--, number /= 10)
        into[i] = (byte)('0' + number % 10);
}

static void make_messages(void)
{
    static const char *const letters[] = {"П", "р", "и", "в", "é", "т", " ", "日", "本",
                                          "語", "ñ", "м", "и", "р", ",", "🎈", "Ω", "ß"};
    size_t used = 0, room = size - ID, i = 0;
    raw = strcmp(transport, "rawwebsocket") == 0;
    tail = grown(NULL, room + 1);
    if (utf8)
        for (;; i = (i + 1) % (sizeof letters / sizeof *letters)) {
            size_t n = strlen(letters[i]);
            if (used + n > room)
                break;
            memcpy(tail + used, letters[i], n);
            used += n;
        }
    for (; used < room; used++)
        tail[used] = (byte)('a' + used % 26);

    prefix_len = raw ? 0 : 2;
    size_t payload = size + 2 * prefix_len;
    masked_len = room + prefix_len;
    masked_tail = grown(NULL, masked_len + 2);
    memcpy(masked_tail, tail, room);
    memcpy(masked_tail + room, "\"]", 2);
    for (i = 0; i < masked_len; i++)
        masked_tail[i] ^= mask[(i + ID + prefix_len) % 4];
    frame_head[0] = 0x81;
    if (payload < 126) {
        frame_head[1] = (byte)(0x80 | payload);
        head_len = 2;
    } else if (payload < 65536) {
        frame_head[1] = 0x80 | 126;
        frame_head[2] = (byte)(payload >> 8);
        frame_head[3] = (byte)payload;
        head_len = 4;
    } else {
        frame_head[1] = 0x80 | 127;
        for (i = 0; i < 8; i++)
            frame_head[2 + i] = (byte)((uint64_t)payload >> (8 * (7 - i)));
        head_len = 10;
    }
    memcpy(frame_head + head_len, mask, 4);
    head_len += 4;
}

static byte *put_frame(byte *into, unsigned session, uint64_t number)
{
    memcpy(into, frame_head, head_len);
    into += head_len;
    if (!raw) {
        into[0] = '[' ^ mask[0];
        into[1] = '"' ^ mask[1];
        into += 2;
    }
    make_id(into, session, number);
    for (size_t i = 0; i < ID; i++)
        into[i] ^= mask[(i + prefix_len) % 4];
    memcpy(into + ID, masked_tail, masked_len);
    return into + ID + masked_len;
}

/* Put the character of an escape into UTF-8; give what follows the escape. */
static const byte *unescape(const byte *p, const byte *end, byte *into, size_t *n)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    unsigned code[2] = {0, 0};
    *n = 1;
    if (end - p < 2)
        return end;
    if (p[1] != 'u') {
        const char *known = memchr(from, p[1], 5);
        *into = known ? (byte)to[known - from] : p[1];
        return p + 2;
    }
    for (int half = 0; half < 2; half++) {
        if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
            break;
        for (int i = 2; i < 6; i++)
            code[half] = code[half] << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
        p += 6;
        if (half == 0 && (code[0] < 0xd800 || code[0] > 0xdbff))
            break;
    }
    unsigned c = code[1] ? 0x10000 + ((code[0] - 0xd800) << 10) + (code[1] - 0xdc00) : code[0];
    if (c < 0x80) {
        into[0] = (byte)c;
    } else if (c < 0x800) {
        into[0] = (byte)(0xc0 | c >> 6);
        into[1] = (byte)(0x80 | (c & 63));
        *n = 2;
    } else if (c < 0x10000) {
        into[0] = (byte)(0xe0 | c >> 12);
        into[1] = (byte)(0x80 | (c >> 6 & 63));
        into[2] = (byte)(0x80 | (c & 63));
        *n = 3;
    } else {
        into[0] = (byte)(0xf0 | c >> 18);
        into[1] = (byte)(0x80 | (c >> 12 & 63));
        into[2] = (byte)(0x80 | (c >> 6 & 63));
        into[3] = (byte)(0x80 | (c & 63));
        *n = 4;
    }
    return p;
}

/*
 * Give what follows the message that is wanted and its quote, or NULL if it is another one. How a
 * server writes the tail, escapes and all, is remembered, so that it is read letter by letter once.
 */
static const byte *match(const byte *p, const byte *end, const byte *id)
{
    static byte *known;
    static size_t known_len, known_cap;
    int plain = (size_t)(end - p) > ID && memcmp(p, id, ID) == 0;
    if (known_len && plain && (size_t)(end - p) >= ID + known_len &&
        memcmp(p + ID, known, known_len) == 0)
        return p + ID + known_len;
    const byte *start = p;
    size_t done = 0;
    while (done < size) {
        byte one[4];
        size_t n = 1;
        if (p >= end)
            return NULL;
        if (*p == '\\')
            p = unescape(p, end, one, &n);
        else
            one[0] = *p++;
        if (done + n > size)
            return NULL;
        for (size_t i = 0; i < n; i++, done++)
            if (one[i] != (done < ID ? id[done] : tail[done - ID]))
                return NULL;
    }
    if (p >= end || *p != '"')
        return NULL;
    if (plain) {
        known_len = 0;
        append(&known, &known_len, &known_cap, start + ID, (size_t)(p + 1 - start) - ID);
    }
    return p + 1;
}

/* -- sockets */

static void watch(struct conn *c, int operation)
{
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN | (c->out_len ? (unsigned)EPOLLOUT : 0);
    event.data.ptr = c;
    if (epoll_ctl(poller, operation, c->fd, &event) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

static void connect_to_server(struct conn *c)
{
    struct sockaddr_in address;
    int on = 1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->in_len = c->out_len = c->body_len = 0;
    c->part = HEAD;
    c->upgraded = c->opened = c->closing = c->busy = c->last_response = 0;
    watch(c, EPOLL_CTL_ADD);
}

static void disconnect(struct conn *c)
{
    close(c->fd);
    c->fd = -1;
}

static void flush_out(struct conn *c)
{
    ssize_t n = write(c->fd, c->out, c->out_len);
    if (n < 0 && errno != EAGAIN)
        die("write: %s", strerror(errno));
    if (n > 0) {
        memmove(c->out, c->out + n, c->out_len - (size_t)n);
        c->out_len -= (size_t)n;
    }
    if (c->out_len == 0)
        watch(c, EPOLL_CTL_MOD);
}

static void put(struct conn *c, const void *data, size_t n)
{
    ssize_t written = 0;
    if (c->out_len == 0) {
        written = write(c->fd, data, n);
        if (written < 0) {
            if (errno != EAGAIN)
                die("write: %s", strerror(errno));
            written = 0;
        }
    }
    if ((size_t)written < n) {
        int idle = c->out_len == 0;
        append(&c->out, &c->out_len, &c->out_cap, (const byte *)data + written,
               n - (size_t)written);
        if (idle)
            watch(c, EPOLL_CTL_MOD);
    }
}

/* -- requests */

static void upgrade(struct conn *c)
{
    char request[512], url[256];
    if (raw)
        snprintf(url, sizeof url, "%s/websocket", path);
    else
        snprintf(url, sizeof url, "%s/000/s%u-%llu/websocket", path, pid,
                 (unsigned long long)opened_ever++);
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: " UPGRADE_KEY "\r\n\r\n",
                     url, port);
    c->started = clock_of(CLOCK_MONOTONIC);
    c->role = WEBSOCKET;
    put(c, request, (size_t)n);
}

static int is(const char *name)
{
    return strcmp(transport, name) == 0;
}

static void new_id(struct conn *c)
{
    snprintf(c->id, sizeof c->id, "h%d-%llu", (int)getpid(), (unsigned long long)opened_ever++);
}

static void receive(struct conn *c)
{
    char request[512];
    const char *query = is("jsonp") || is("htmlfile") ? "?c=cb" : "";
    const char *method = is("xhr") || is("xhr_streaming") ? "POST" : "GET";
    int n = snprintf(request, sizeof request, "%s %s/000/%s/%s%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n",
                     method, path, c->id, transport, query, port,
                     *method == 'P' ? "Content-Length: 0\r\n" : "");
    c->busy = 1;
    c->started = clock_of(CLOCK_MONOTONIC);
    put(c, request, (size_t)n);
}

/* Send the next message of this receiver's session. */
static void send_by_http(struct conn *c)
{
    static byte *request;
    struct conn *sender = c->peer;
    if (request == NULL)
        request = grown(NULL, size + 1024);
    int n = snprintf((char *)request, 1024,
                     "POST %s/000/%s/%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                     "Content-Type: text/plain\r\nContent-Length: %u\r\n\r\n[\"",
                     path, c->id, is("jsonp") ? "jsonp_send" : "xhr_send", port, size + 4);
    make_id(request + n, c->number, c->sent);
    memcpy(request + n + ID, tail, size - ID);
    memcpy(request + n + size, "\"]", 2);
    c->times[0] = now;
    c->sent++;
    outstanding++;
    sender->busy = 1;
    put(sender, request, (size_t)n + size + 2);
}

static void send_messages(struct conn *c, unsigned count)
{
    static byte *scratch;
    if (scratch == NULL)
        scratch = grown(NULL, in_flight * (size + 32));
    byte *end = scratch;
    for (unsigned i = 0; i < count; i++) {
        c->times[c->sent % in_flight] = now;
        end = put_frame(end, c->number, c->sent++);
    }
    outstanding += count;
    put(c, scratch, (size_t)(end - scratch));
}

/* -- SockJS frames */

static unsigned to_send; /* how many the connection that is being read may send next */

static void message_came(struct conn *c)
{
    if (mode == BROADCAST) {
        struct conn *from = conns;
        unsigned slot = (unsigned)(c->received % in_flight);
        if (c->received >= from->sent)
            die("session %u got a message that was not sent", c->number);
        progress(from->times[slot]);
        c->received++;
        if (++deliveries[slot] == conn_count) {
            deliveries[slot] = 0;
            outstanding--;
            to_send++;
        }
        return;
    }
    if (c->received >= c->sent)
        die("session %u got a message that was not sent", c->number);
    progress(c->times[c->received % in_flight]);
    c->received++;
    outstanding--;
    to_send++;
}

static void wrong(struct conn *c, const byte *id, const byte *p, size_t n)
{
    die("session %u: %.*s... was wanted, and this came: %.*s", c->number, ID, id,
        (int)(n > 100 ? 100 : n), p);
}

static void sockjs_frame(struct conn *c, const byte *p, size_t n)
{
    const byte *end = p + n, *start = p;
    byte id[ID];
    if (n == 1 && *p == 'o' && !c->opened) {
        c->opened = 1;
        return;
    }
    if (n == 1 && *p == 'h')
        return;
    if (n < 2 || p[0] != 'a' || p[1] != '[' || !c->opened || mode > HTTP)
        die("session %u: not a frame of messages: %.*s", c->number, (int)(n > 100 ? 100 : n), p);
    p += 2;
    for (;;) {
        while (p < end && *p == ' ')
            p++;
        if (p >= end || *p != '"')
            die("session %u: not JSON: %.*s", c->number, (int)(n > 100 ? 100 : n), start);
        make_id(id, mode == BROADCAST ? 0 : c->number, c->received);
        const byte *next = match(p + 1, end, id);
        if (next == NULL)
            wrong(c, id, p, (size_t)(end - p));
        message_came(c);
        p = next;
        if (p == end - 1 && *p == ']')
            return;
        if (p >= end || *p++ != ',')
            die("session %u: not JSON: %.*s", c->number, (int)(n > 100 ? 100 : n), start);
    }
}

/* -- websockets */

static void control_frame(struct conn *c, byte opcode, const byte *payload, size_t n)
{
    byte frame[6 + 125] = {(byte)(0x80 | opcode), (byte)(0x80 | n)};
    memcpy(frame + 2, mask, 4);
    for (size_t i = 0; i < n; i++)
        frame[6 + i] = payload[i] ^ mask[i % 4];
    put(c, frame, 6 + n);
}

static void websocket_frame(struct conn *c, byte first, const byte *p, size_t n)
{
    switch (first) {
    case 0x81:
        if (raw) {
            byte id[ID];
            make_id(id, c->number, c->received);
            if (n != size || memcmp(p, id, ID) != 0 || memcmp(p + ID, tail, n - ID) != 0)
                wrong(c, id, p, n);
            message_came(c);
        } else {
            sockjs_frame(c, p, n);
        }
        break;
    case 0x88:
        if (!c->closing)
            die("session %u was closed by the server", c->number);
        c->closing = 2;
        break;
    case 0x89:
        control_frame(c, 10, p, n > 125 ? 125 : n);
        break;
    case 0x8a:
        break;
    default:
        die("session %u: a frame that starts with %#x", c->number, first);
    }
}

static size_t head_end(struct conn *c, size_t at)
{
    const byte *found = memmem(c->in + at, c->in_len - at, "\r\n\r\n", 4);
    return found ? (size_t)(found - c->in) + 4 : 0;
}

static size_t read_frames(struct conn *c, size_t at)
{
    while (c->in_len - at >= 2) {
        const byte *p = c->in + at;
        size_t head = 2, n = p[1];
        if (n == 126)
            head = 4;
        else if (n == 127)
            head = 10;
        else if (n > 127)
            die("session %u: a masked frame", c->number);
        if (c->in_len - at < head)
            break;
        if (head > 2) {
            n = 0;
            for (size_t i = 2; i < head; i++)
                n = n << 8 | p[i];
        }
        if (c->in_len - at - head < n)
            break;
        websocket_frame(c, p[0], p + head, n);
        at += head + n;
    }
    return at;
}

static void read_websocket(struct conn *c)
{
    size_t at = 0;
    if (!c->upgraded) {
        at = head_end(c, 0);
        if (at == 0)
            return;
        if (memcmp(c->in, "HTTP/1.1 101 ", 13) != 0 ||
            memmem(c->in, at, UPGRADE_ACCEPT, strlen(UPGRADE_ACCEPT)) == NULL)
            die("no websocket: %.*s", (int)at, c->in);
        c->upgraded = 1;
        if (raw)
            c->opened = 1;
    }
    at = read_frames(c, at);
    c->in_len -= at;
    memmove(c->in, c->in + at, c->in_len);
}

/* -- HTTP */

/* A line of a receiver's body: a frame in what its transport puts around it, or padding. */
static void read_line(struct conn *c, byte *p, size_t n)
{
    const char *before = "", *after = "";
    if (n > 0 && p[n - 1] == '\r')
        n--;
    if (is("eventsource"))
        before = "data: ";
    else if (is("htmlfile"))
        before = "p(\"", after = "\");";
    else if (is("jsonp"))
        before = "/**/cb(\"", after = "\");";
    size_t b = strlen(before), a = strlen(after);
    if (n < a + b || memcmp(p, before, b) != 0 || memcmp(p + n - a, after, a) != 0) {
        if (is("jsonp"))
            die("session %u: not a callback: %.*s", c->number, (int)n, p);
        return;
    }
    p += b;
    n -= a + b;
    if (is("xhr_streaming") && n == 2048)
        return;
    if (a > 0) { /* the frame is a JSON string */
        byte *into = p;
        const byte *from = p, *end = p + n;
        while (from < end) {
            size_t length = 1;
            if (*from == '\\')
                from = unescape(from, end, into, &length);
            else
                *into = *from++;
            into += length;
        }
        n = (size_t)(into - p);
    }
    sockjs_frame(c, p, n);
}

static void read_body(struct conn *c, const byte *data, size_t n)
{
    size_t at = 0;
    byte *end;
    if (c->role == SENDER)
        return;
    append(&c->body, &c->body_len, &c->body_cap, data, n);
    while ((end = memchr(c->body + at, '\n', c->body_len - at)) != NULL) {
        read_line(c, c->body + at, (size_t)(end - c->body) - at);
        at = (size_t)(end - c->body) + 1;
    }
    c->body_len -= at;
    memmove(c->body, c->body + at, c->body_len);
}

static void response_came(struct conn *c)
{
    c->part = HEAD;
    c->busy = 0;
    if (c->body_len)
        die("session %u: half a line at the end of a response", c->number);
    if (c->last_response) {
        int opened = c->opened;
        if (mode != HTTP && mode != OPEN_HTTP)
            die("session %u: the connection ended", c->number);
        disconnect(c);
        connect_to_server(c);
        c->opened = opened;
        reconnects++;
    }
    if (c->role == RECEIVER && mode == HTTP)
        receive(c);
}

static const char *header(const char *head, const char *name)
{
    const char *found = strcasestr(head, name);
    if (found == NULL)
        return NULL;
    found += strlen(name);
    return found + strspn(found, " ");
}

static void read_head(struct conn *c, char *head)
{
    const char *value;
    int status = atoi(head + 9);
    if (memcmp(head, "HTTP/1.1 20", 11) != 0)
        die("session %u: %s", c->number, head);
    value = header(head, "\r\nconnection:");
    c->last_response = value != NULL && strncasecmp(value, "close", 5) == 0;
    value = header(head, "\r\ncontent-length:");
    c->left = value ? strtoul(value, NULL, 10) : 0;
    if (status == 204 || (value != NULL && c->left == 0))
        response_came(c);
    else if (value != NULL)
        c->part = BODY;
    else if (header(head, "\r\ntransfer-encoding:") != NULL)
        c->part = CHUNK_SIZE;
    else
        c->part = UNTIL_CLOSE;
}

static void read_http(struct conn *c)
{
    size_t at = 0;
    uint64_t before = reconnects; /* after a new connection all of this one is gone */
    while (at < c->in_len && reconnects == before) {
        byte *p = c->in + at;
        size_t have = c->in_len - at, n;
        byte *line_end = memchr(p, '\n', have);
        if (c->part == HEAD) {
            size_t end = head_end(c, at);
            if (end == 0)
                break;
            if (!c->busy)
                die("session %u: a response without a request", c->number);
            c->in[end - 1] = 0;
            at = end;
            read_head(c, (char *)p);
        } else if (c->part == CHUNK_SIZE) {
            if (line_end == NULL)
                break;
            at += (size_t)(line_end - p) + 1;
            c->left = strtoul((char *)p, NULL, 16);
            c->part = c->left ? CHUNK : TRAILER;
        } else if (c->part == CHUNK_END || c->part == TRAILER) {
            if (line_end == NULL)
                break;
            at += (size_t)(line_end - p) + 1;
            if (c->part == CHUNK_END)
                c->part = CHUNK_SIZE;
            else
                response_came(c);
        } else if (c->part == UNTIL_CLOSE) {
            read_body(c, p, have);
            at += have;
        } else {
            n = have < c->left ? have : c->left;
            read_body(c, p, n);
            at += n;
            c->left -= n;
            if (c->left == 0 && c->part == CHUNK)
                c->part = CHUNK_END;
            else if (c->left == 0)
                response_came(c);
        }
    }
    if (reconnects == before) {
        c->in_len -= at;
        memmove(c->in, c->in + at, c->in_len);
    }
}

/* -- what comes after what */

static void start_open(struct conn *c)
{
    if (draining)
        return;
    outstanding++;
    if (mode == OPEN_SOCKET) {
        connect_to_server(c);
        upgrade(c);
    } else {
        c->opened = 0;
        new_id(c);
        receive(c);
    }
}

static void opening(struct conn *c)
{
    if (c->opened && !c->closing && !(mode == OPEN_HTTP && c->busy)) {
        progress(c->started);
        outstanding--;
        if (mode == OPEN_SOCKET) {
            c->closing = 1;
            control_frame(c, 8, (const byte *)"\x03\xe8", 2);
        } else {
            start_open(c);
        }
    }
    if (c->closing == 2) {
        disconnect(c);
        start_open(c);
    }
}

static void ended(struct conn *c)
{
    if (c->role != WEBSOCKET && c->part == UNTIL_CLOSE) {
        c->last_response = 1;
        response_came(c);
    } else if (c->role != WEBSOCKET && c->part == HEAD && !c->busy) {
        c->last_response = 1;
        response_came(c);
    } else if (c->closing) {
        c->closing = 2;
    } else {
        die("session %u: the server closed the connection", c->number);
    }
}

static void handle(struct conn *c, unsigned events)
{
    if (events & EPOLLOUT)
        flush_out(c);
    if (!(events & ~(unsigned)EPOLLOUT))
        return;
    if (c->in_len == c->in_cap) {
        c->in_cap = c->in_cap ? c->in_cap * 2 : 2048;
        c->in = grown(c->in, c->in_cap);
    }
    ssize_t n = read(c->fd, c->in + c->in_len, c->in_cap - c->in_len);
    if (n < 0 && errno == EAGAIN)
        return;
    now = clock_of(CLOCK_MONOTONIC);
    to_send = 0;
    if (n <= 0) {
        ended(c);
    } else {
        c->in_len += (size_t)n;
        if (c->role == WEBSOCKET)
            read_websocket(c);
        else
            read_http(c);
    }
    if (mode == OPEN_SOCKET || mode == OPEN_HTTP) {
        opening(c);
    } else if (mode == HTTP) {
        struct conn *receiver = c->role == RECEIVER ? c : c->peer;
        if (!draining && receiver->opened && receiver->received == receiver->sent &&
            receiver->peer != NULL && !receiver->peer->busy)
            send_by_http(receiver);
    } else if (to_send && !draining) {
        send_messages(mode == BROADCAST ? conns : c, to_send);
    }
}

static int answer(int timeout)
{
    static struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, timeout);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == NULL)
            return 1;
        handle(events[i].data.ptr, events[i].events);
    }
    now = clock_of(CLOCK_MONOTONIC);
    return 0;
}

static void wait_until_open(struct conn *c)
{
    uint64_t deadline = clock_of(CLOCK_MONOTONIC) + (uint64_t)(patience * 1e9);
    while (!c->opened) {
        struct pollfd one = {c->fd, POLLIN, 0};
        poll(&one, 1, 1000);
        if (one.revents)
            handle(c, EPOLLIN);
        if (clock_of(CLOCK_MONOTONIC) > deadline)
            die("session %u does not open", c->number);
    }
}

static void open_all(void)
{
    int http = mode == HTTP || mode == OPEN_HTTP;
    conns = grown(NULL, sizeof *conns * connections * 2);
    memset(conns, 0, sizeof *conns * connections * 2);
    deliveries = grown(NULL, sizeof *deliveries * in_flight);
    memset(deliveries, 0, sizeof *deliveries * in_flight);
    conn_count = connections;
    for (unsigned i = 0; i < connections; i++) {
        struct conn *c = &conns[i];
        c->number = i;
        c->times = grown(NULL, sizeof *c->times * in_flight);
        if (mode == OPEN_SOCKET)
            continue;
        connect_to_server(c);
        if (!http) {
            upgrade(c);
            wait_until_open(c);
        } else {
            c->role = RECEIVER;
            if (mode == HTTP) {
                new_id(c);
                receive(c);
                wait_until_open(c);
                struct conn *sender = &conns[connections + i];
                sender->number = i;
                sender->role = SENDER;
                connect_to_server(sender);
                sender->peer = c;
                c->peer = sender;
            }
        }
        if (i % 100 == 99)
            answer(0);
    }
    now = last_progress = clock_of(CLOCK_MONOTONIC);
}

static void start_all(void)
{
    for (unsigned i = 0; i < connections; i++) {
        struct conn *c = &conns[i];
        if (mode == OPEN_SOCKET || mode == OPEN_HTTP)
            start_open(c);
        else if (mode == HTTP && c->sent == 0)
            send_by_http(c);
        else if (mode == SOCKET || (mode == BROADCAST && i == 0))
            send_messages(c, in_flight);
    }
}

/* Half of them with a closing handshake, the rest by vanishing. */
static void end_all(void)
{
    for (unsigned i = 0; i < conn_count; i += 2) {
        struct conn *c = &conns[i];
        byte bin[4096];
        if (c->role != WEBSOCKET || c->fd < 0)
            continue;
        c->closing = 1;
        control_frame(c, 8, (const byte *)"\x03\xe8", 2);
        for (;;) {
            struct pollfd one = {c->fd, POLLIN, 0};
            if (poll(&one, 1, 5000) <= 0)
                die("session %u: the closing handshake is not answered", c->number);
            if (read(c->fd, bin, sizeof bin) <= 0)
                break;
        }
        disconnect(c);
    }
}

static void run(void)
{
    uint64_t start, begun = 0, done = 0, cpu[2] = {0, 0}, own[2] = {0, 0};
    start = now;
    while (!draining || outstanding) {
        if (!begun && now >= start + (uint64_t)(warmup * 1e9)) {
            begun = now;
            cpu[0] = server_cpu();
            own[0] = clock_of(CLOCK_PROCESS_CPUTIME_ID);
            measuring = 1;
        }
        if (begun && !draining && now >= begun + (uint64_t)(seconds * 1e9)) {
            done = now;
            cpu[1] = server_cpu();
            own[1] = clock_of(CLOCK_PROCESS_CPUTIME_ID);
            measuring = 0;
            draining = 1;
        }
        if (now > last_progress + (uint64_t)(patience * 1e9))
            die("%llu messages are lost: nothing came for %g seconds",
                (unsigned long long)outstanding, patience);
        if (!draining || outstanding)
            answer(100);
    }
    if (polite)
        end_all();
    printf("{\"seconds\": %.6f, \"count\": %llu, \"p50\": %.1f, \"p99\": %.1f, "
           "\"server_cpu\": %.6f, \"own_cpu\": %.6f, \"reconnects\": %llu}\n",
           (double)(done - begun) / 1e9, (unsigned long long)counted, percentile_us(0.5),
           percentile_us(0.99), (double)(cpu[1] - cpu[0]) / 1e9, (double)(own[1] - own[0]) / 1e9,
           (unsigned long long)reconnects);
}

static void stay_idle(void)
{
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        die("standard input must be a pipe: %s", strerror(errno));
    puts("ready");
    fflush(stdout);
    while (!answer(1000))
        ;
    if (polite)
        end_all();
    printf("{\"sessions\": %u}\n", conn_count);
}

static void set(const char *option)
{
    static const struct {
        const char *name;
        unsigned *number;
        double *fraction;
        const char **text;
    } options[] = {
        {"port", &port, NULL, NULL},         {"pid", &pid, NULL, NULL},
        {"connections", &connections, NULL, NULL}, {"in_flight", &in_flight, NULL, NULL},
        {"size", &size, NULL, NULL},         {"utf8", &utf8, NULL, NULL},
        {"canned", &canned, NULL, NULL},     {"polite", &polite, NULL, NULL},
        {"seconds", NULL, &seconds, NULL},   {"warmup", NULL, &warmup, NULL},
        {"patience", NULL, &patience, NULL}, {"path", NULL, NULL, &path},
        {"transport", NULL, NULL, &transport}, {"pid2", &pid2, NULL, NULL},
    };
    const char *value = strchr(option, '=');
    for (size_t i = 0; value && i < sizeof options / sizeof *options; i++)
        if (strlen(options[i].name) == (size_t)(value - option) &&
            memcmp(options[i].name, option, (size_t)(value - option)) == 0) {
            if (options[i].number)
                *options[i].number = (unsigned)strtoul(value + 1, NULL, 10);
            else if (options[i].fraction)
                *options[i].fraction = strtod(value + 1, NULL);
            else
                *options[i].text = value + 1;
            return;
        }
    die("no option is %s", option);
}

int main(int argc, char **argv)
{
    size_t known = sizeof mode_names / sizeof *mode_names, chosen = 0;
    while (argc > 1 && chosen < known && strcmp(mode_names[chosen], argv[1]) != 0)
        chosen++;
    if (argc < 2 || chosen == known)
        die("the first argument must be a mode, such as %s", mode_names[0]);
    mode = (enum mode)chosen;
    for (int i = 2; i < argc; i++)
        set(argv[i]);
    if (port == 0 || port > 65535 || size < ID || connections == 0 || in_flight == 0)
        die("port must be a port, size at least %d, connections and in_flight at least 1", ID);
    poller = epoll_create1(0);
    make_messages();
    open_all();
    if (mode == IDLE) {
        stay_idle();
    } else {
        start_all();
        run();
    }
    return 0;
}
