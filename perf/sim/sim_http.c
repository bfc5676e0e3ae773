/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_http.h"

#include "shm/limits.h"

enum { READ_BYTES_MIN = 4096, READ_BYTES_MAX = 1 << 20 };

void rp_sim_http_init(struct rp_sim_http *http)
{
	*http = (struct rp_sim_http){.phase = RP_SIM_HTTP_HEAD};
}

static int fail(struct rp_sim_http *http, int err, int status)
{
	http->status = status;
	return err;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool is_name(struct rp_bytes text, const char *name)
{
	return rp_bytes_equal_nocase(text, rp_bytes_str(name));
}

static struct rp_bytes trim(struct rp_bytes a)
{
	while (a.len > 0 && (a.ptr[0] == ' ' || a.ptr[0] == '\t'))
		a = rp_bytes(a.ptr + 1, a.len - 1);
	while (a.len > 0 && (a.ptr[a.len - 1] == ' ' || a.ptr[a.len - 1] == '\t'))
		a.len--;
	return a;
}

/* Cut the bytes before the first `separator` from *rest; all of it if there is none. */
static struct rp_bytes cut(struct rp_bytes *rest, uint8_t separator)
{
	const uint8_t *found = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
	size_t bytes = found == NULL ? rest->len : (size_t)(found - rest->ptr);
	struct rp_bytes part = rp_bytes(rest->ptr, bytes);

	*rest = rp_bytes_slice(*rest, bytes + 1, rest->len);
	return part;
}

/* RFC 9110 5.6.2. */
static bool is_token(struct rp_bytes name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
			return false;
	}
	return name.len > 0;
}

/* RFC 9110 5.5: no control bytes but the tab. */
static bool is_field_value(struct rp_bytes value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
			return false;
	return true;
}

static int parse_request_line(struct rp_sim_http *http, const struct rp_sim_buf *in,
			      struct rp_bytes line)
{
	struct rp_bytes method = cut(&line, ' ');
	struct rp_bytes target = cut(&line, ' ');
	const uint8_t *slash;

	if (!is_token(method) || target.len == 0)
		return fail(http, RP_EPROTO, 400);
	if (rp_bytes_equal_str(line, "HTTP/1.0"))
		http->is_http_1_0 = true;
	else if (!rp_bytes_equal_str(line, "HTTP/1.1"))
		return fail(http, RP_EPROTO,
			    rp_bytes_starts_with(line, RP_BYTES_LIT("HTTP/")) ? 505 : 400);
	if (rp_bytes_equal_str(method, "GET"))
		http->method = RP_SIM_METHOD_GET;
	else if (rp_bytes_equal_str(method, "POST"))
		http->method = RP_SIM_METHOD_POST;
	http->keep_alive = !http->is_http_1_0;
	/* The absolute form, RFC 9112 3.2.2. */
	if (rp_bytes_starts_with(target, RP_BYTES_LIT("http://"))) {
		struct rp_bytes rest = rp_bytes_slice(target, 7, target.len);

		slash = rest.len > 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
		if (slash == NULL)
			return fail(http, RP_EPROTO, 400);
		target = rp_bytes_slice(rest, (size_t)(slash - rest.ptr), rest.len);
	}
	target = cut(&target, '?');
	http->path = (struct rp_sim_span){(size_t)(target.ptr - in->data), target.len};
	return RP_OK;
}

struct framing {
	bool has_length;
	bool is_chunked;
	uint64_t length;
};

static int parse_length(struct rp_sim_http *http, struct framing *framing, struct rp_bytes value)
{
	uint64_t length;

	if (rp_bytes_to_u64(value, INT64_MAX, &length) != RP_OK)
		return fail(http, RP_EPROTO, 400);
	if (framing->has_length && framing->length != length)
		return fail(http, RP_EPROTO, 400);
	framing->has_length = true;
	framing->length = length;
	return RP_OK;
}

static int parse_field(struct rp_sim_http *http, const struct rp_sim_buf *in,
		       struct framing *framing, struct rp_bytes line)
{
	struct rp_bytes name = cut(&line, ':');
	struct rp_bytes value = trim(line);
	struct rp_sim_span span = {(size_t)(value.ptr - in->data), value.len};

	/* A name with a blank, or a folded line, is refused: RFC 9112 5.1, 5.2. */
	if (!is_token(name) || name.ptr + name.len == line.ptr || !is_field_value(value))
		return fail(http, RP_EPROTO, 400);
	if (is_name(name, "content-length"))
		return parse_length(http, framing, value);
	if (is_name(name, "transfer-encoding")) {
		if (framing->is_chunked || !is_name(value, "chunked"))
			return fail(http, RP_EPROTO, 501);
		framing->is_chunked = true;
	} else if (is_name(name, "connection")) {
		if (rp_bytes_has_word(value, RP_BYTES_LIT("close")))
			http->keep_alive = false;
		else if (rp_bytes_has_word(value, RP_BYTES_LIT("keep-alive")))
			http->keep_alive = true;
	} else if (is_name(name, "expect")) {
		if (!is_name(value, "100-continue"))
			return fail(http, RP_EPROTO, 417);
		http->expects_continue = true;
	} else if (is_name(name, "x-request-id")) {
		if (span.len <= RP_REQUEST_ID_MAX)
			http->request_id = span;
	} else if (is_name(name, "x-return-error")) {
		http->return_error = span;
		http->has_return_error = true;
	}
	return RP_OK;
}

static int parse_head(struct rp_sim_http *http, const struct rp_sim_buf *in, size_t head_bytes,
		      size_t body_max)
{
	struct rp_bytes rest = rp_bytes(in->data, head_bytes);
	struct framing framing = {0};
	int err = RP_OK;

	/* The head ends with CRLF CRLF, so each line has its CR before the LF. */
	for (size_t line_idx = 0; rest.len > 0 && err == RP_OK; line_idx++) {
		struct rp_bytes line = cut(&rest, '\n');

		if (line.len == 0 || line.ptr[line.len - 1] != '\r')
			return fail(http, RP_EPROTO, 400);
		line.len--;
		if (line.len == 0 && line_idx > 0)
			break;
		if (line_idx > RP_SIM_HEADERS_MAX)
			return fail(http, RP_ETOOBIG, 431);
		err = line_idx == 0 ? parse_request_line(http, in, line)
				    : parse_field(http, in, &framing, line);
	}
	if (err != RP_OK)
		return err;
	/* Both framings at once is how requests are smuggled: RFC 9112 6.1. */
	if (framing.is_chunked && (framing.has_length || http->is_http_1_0))
		return fail(http, RP_EPROTO, 400);
	if (framing.length > body_max)
		return fail(http, RP_ETOOBIG, 413);
	http->body_at = head_bytes;
	http->raw_at = head_bytes;
	http->body_left = (size_t)framing.length;
	http->phase = framing.is_chunked    ? RP_SIM_HTTP_CHUNK_SIZE
		      : framing.length == 0 ? RP_SIM_HTTP_DONE
					    : RP_SIM_HTTP_BODY;
	return RP_OK;
}

static int find_head(struct rp_sim_http *http, const struct rp_sim_buf *in, size_t body_max)
{
	/* The mark may begin in the last three bytes that were searched. */
	size_t from = http->searched > 3 ? http->searched - 3 : 0;
	const uint8_t *found =
		in->len > from ? memmem(in->data + from, in->len - from, "\r\n\r\n", 4) : NULL;
	size_t head_bytes = found == NULL ? in->len : (size_t)(found - in->data) + 4;

	if (head_bytes > RP_SIM_HEAD_BYTES_MAX)
		return fail(http, RP_ETOOBIG, 431);
	http->searched = in->len;
	return found == NULL ? RP_EAGAIN : parse_head(http, in, head_bytes, body_max);
}

/* The line at raw_at, without CRLF. RP_EAGAIN while its end has not come. */
static int take_line(struct rp_sim_http *http, const struct rp_sim_buf *in,
		     struct rp_bytes *ret_line)
{
	struct rp_bytes rest = rp_bytes(in->data + http->raw_at, in->len - http->raw_at);
	size_t limit = rp_min_size(rest.len, RP_SIM_CHUNK_LINE_MAX);
	const uint8_t *found = limit > 0 ? memchr(rest.ptr, '\n', limit) : NULL;
	size_t bytes;

	if (found == NULL)
		return limit == RP_SIM_CHUNK_LINE_MAX ? fail(http, RP_ETOOBIG, 400) : RP_EAGAIN;
	bytes = (size_t)(found - rest.ptr);
	if (bytes == 0 || rest.ptr[bytes - 1] != '\r')
		return fail(http, RP_EPROTO, 400);
	http->raw_at += bytes + 1;
	*ret_line = rp_bytes(rest.ptr, bytes - 1);
	return RP_OK;
}

static int parse_chunk_size(struct rp_sim_http *http, const struct rp_sim_buf *in, size_t body_max)
{
	struct rp_bytes line;
	struct rp_bytes digits;
	uint64_t size = 0;
	int err = take_line(http, in, &line);

	if (err != RP_OK)
		return err;
	digits = trim(cut(&line, ';'));
	if (digits.len == 0 || digits.len > 15)
		return fail(http, RP_EPROTO, 400);
	for (size_t i = 0; i < digits.len; i++) {
		uint8_t c = lower(digits.ptr[i]);

		if (c >= '0' && c <= '9')
			size = size << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			size = size << 4 | (uint64_t)(c - 'a' + 10);
		else
			return fail(http, RP_EPROTO, 400);
	}
	if (size > body_max - http->body_bytes)
		return fail(http, RP_ETOOBIG, 413);
	http->body_left = (size_t)size;
	http->phase = size == 0 ? RP_SIM_HTTP_TRAILERS : RP_SIM_HTTP_CHUNK_DATA;
	return RP_OK;
}

static int parse_trailer(struct rp_sim_http *http, const struct rp_sim_buf *in)
{
	struct rp_bytes line;
	int err = take_line(http, in, &line);

	if (err != RP_OK)
		return err;
	if (line.len == 0)
		http->phase = RP_SIM_HTTP_DONE;
	else if (++http->trailers > RP_SIM_TRAILERS_MAX)
		return fail(http, RP_ETOOBIG, 431);
	return RP_OK;
}

static int take_body(struct rp_sim_http *http, const struct rp_sim_buf *in)
{
	size_t n = rp_min_size(http->body_left, in->len - http->raw_at);
	size_t to = http->body_at + http->body_bytes;
	bool is_chunk = http->phase == RP_SIM_HTTP_CHUNK_DATA;

	if (is_chunk && n > 0 && to != http->raw_at)
		memmove(in->data + to, in->data + http->raw_at, n);
	http->body_bytes += n;
	http->raw_at += n;
	http->body_left -= n;
	if (http->body_left > 0)
		return RP_EAGAIN;
	http->phase = is_chunk ? RP_SIM_HTTP_CHUNK_END : RP_SIM_HTTP_DONE;
	return RP_OK;
}

static int take_chunk_end(struct rp_sim_http *http, const struct rp_sim_buf *in)
{
	struct rp_bytes line;
	int err = take_line(http, in, &line);

	if (err == RP_OK && line.len > 0)
		return fail(http, RP_EPROTO, 400);
	if (err == RP_OK)
		http->phase = RP_SIM_HTTP_CHUNK_SIZE;
	return err;
}

static int step(struct rp_sim_http *http, const struct rp_sim_buf *in, size_t body_max)
{
	switch (http->phase) {
	case RP_SIM_HTTP_HEAD:
		return find_head(http, in, body_max);
	case RP_SIM_HTTP_BODY:
	case RP_SIM_HTTP_CHUNK_DATA:
		return take_body(http, in);
	case RP_SIM_HTTP_CHUNK_SIZE:
		return parse_chunk_size(http, in, body_max);
	case RP_SIM_HTTP_CHUNK_END:
		return take_chunk_end(http, in);
	case RP_SIM_HTTP_TRAILERS:
		return parse_trailer(http, in);
	case RP_SIM_HTTP_DONE:
		break;
	}
	return RP_OK;
}

int rp_sim_http_parse(struct rp_sim_http *http, struct rp_sim_buf *in, size_t body_max)
{
	int err = RP_OK;

	while (err == RP_OK && http->phase != RP_SIM_HTTP_DONE)
		err = step(http, in, body_max);
	/* What framed the chunks so far is dropped, so that the buffer grows with the body only. */
	if (err == RP_EAGAIN && http->phase > RP_SIM_HTTP_BODY) {
		size_t body_end = http->body_at + http->body_bytes;
		size_t left = in->len - http->raw_at;

		if (left > 0)
			memmove(in->data + body_end, in->data + http->raw_at, left);
		http->raw_at = body_end;
		in->len = body_end + left;
	}
	return err;
}

size_t rp_sim_http_wanted(const struct rp_sim_http *http, const struct rp_sim_buf *in)
{
	size_t wanted = READ_BYTES_MIN;

	if (http->phase == RP_SIM_HTTP_BODY || http->phase == RP_SIM_HTTP_CHUNK_DATA)
		wanted = http->body_left - rp_min_size(http->body_left, in->len - http->raw_at);
	/* What was announced is not yet believed: the buffer at most doubles a read. */
	wanted = rp_min_size(wanted, rp_max_size(in->len, READ_BYTES_MIN));
	return rp_max_size(READ_BYTES_MIN, rp_min_size(wanted, READ_BYTES_MAX));
}

const char *rp_sim_http_reason(int status)
{
	switch (status) {
	case 100:
		return "Continue";
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Request Entity Too Large";
	case 417:
		return "Expectation Failed";
	case 422:
		return "Unprocessable Entity";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Unknown Status Code";
	}
}
