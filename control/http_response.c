/* SPDX-License-Identifier: Apache-2.0 */
#include "control/http_response.h"

void rp_http_response_begin(struct rp_http_response *response)
{
	response->state = RP_HTTP_STATUS_LINE;
	response->status = 0;
	response->has_length = false;
	response->is_chunked = false;
	response->is_keep_alive = true;
	response->has_close = false;
	response->left_bytes = 0;
	response->body_bytes = 0;
	response->head_bytes = 0;
	response->line_bytes = 0;
	response->is_line_cut = false;
}

/* Skip the first n bytes of *in. */
static struct rp_bytes take(struct rp_bytes *in, size_t n)
{
	struct rp_bytes piece = rp_bytes_slice(*in, 0, n);

	*in = rp_bytes_slice(*in, n, SIZE_MAX);
	return piece;
}

/*
 * The next line without its end. A line that lies in the input as a whole is a view of that; one
 * that came in pieces is put together. Either way what exceeds `line` of it is counted but not
 * seen, so that a response reads the same however it is split.
 * @return RP_OK; RP_EAGAIN; RP_ETOOBIG
 */
static int next_line(struct rp_http_response *response, struct rp_bytes *in,
		     struct rp_bytes *ret_line)
{
	size_t end = rp_bytes_find(*in, RP_BYTES_LIT("\n"));
	bool is_whole = end != SIZE_MAX;
	struct rp_bytes piece = take(in, is_whole ? end + 1 : in->len);

	if (piece.len > RP_SCRAPE_HEADER_BYTES_MAX - response->head_bytes)
		return RP_ETOOBIG;
	response->head_bytes += (uint32_t)piece.len;
	if (!is_whole || response->line_bytes > 0) {
		size_t kept = rp_min_size(response->line_bytes, sizeof(response->line));
		size_t more = rp_min_size(piece.len, sizeof(response->line) - kept);

		if (more > 0)
			memcpy(response->line + kept, piece.ptr, more);
		response->line_bytes += (uint32_t)piece.len;
		if (!is_whole)
			return RP_EAGAIN;
		piece = rp_bytes(response->line, response->line_bytes);
		response->line_bytes = 0;
	}
	response->is_line_cut = piece.len > sizeof(response->line);
	piece = rp_bytes_slice(piece, 0, sizeof(response->line));
	if (rp_bytes_ends_with(piece, RP_BYTES_LIT("\n")))
		piece.len--;
	if (rp_bytes_ends_with(piece, RP_BYTES_LIT("\r")))
		piece.len--;
	*ret_line = piece;
	return RP_OK;
}

/* `HTTP/1.x SP 3 digits`. */
static int on_status_line(struct rp_http_response *response, struct rp_bytes line)
{
	uint64_t status;

	if (!rp_bytes_starts_with(line, RP_BYTES_LIT("HTTP/1.")) || line.len < 12 ||
	    line.ptr[7] < '0' || line.ptr[7] > '9' || line.ptr[8] != ' ' ||
	    rp_bytes_to_u64(rp_bytes_slice(line, 9, 3), 999, &status) != RP_OK ||
	    (line.len > 12 && line.ptr[12] != ' '))
		return RP_EPROTO;
	response->status = (uint32_t)status;
	response->is_keep_alive = line.ptr[7] != '0';
	response->state = RP_HTTP_HEADERS;
	return RP_OK;
}

static int on_content_length(struct rp_http_response *response, struct rp_bytes value)
{
	uint64_t bytes;

	/* Different values of it would let two readers see two responses (RFC 9112 6.3). */
	if (rp_bytes_to_u64(value, UINT64_MAX, &bytes) != RP_OK ||
	    (response->has_length && bytes != response->left_bytes))
		return RP_EPROTO;
	response->has_length = true;
	response->left_bytes = bytes;
	return RP_OK;
}

static void on_connection(struct rp_http_response *response, struct rp_bytes value)
{
	/* What is not seen of a long list may be "close". */
	if (response->is_line_cut || rp_bytes_has_word(value, RP_BYTES_LIT("close")))
		response->has_close = true;
	else if (rp_bytes_has_word(value, RP_BYTES_LIT("keep-alive")))
		response->is_keep_alive = true;
}

static int on_header(struct rp_http_response *response, struct rp_bytes line)
{
	size_t colon = rp_bytes_find(line, RP_BYTES_LIT(":"));
	struct rp_bytes name = rp_bytes_slice(line, 0, colon);
	struct rp_bytes value =
		rp_bytes_trim(rp_bytes_slice(line, rp_min_size(colon, line.len) + 1, SIZE_MAX));

	/* A blank before the colon, or a folded line: ways to hide a length from one of two readers
	 * (RFC 9112 5.1, 5.2). */
	if (colon == 0 || rp_bytes_find(name, RP_BYTES_LIT(" ")) != SIZE_MAX ||
	    rp_bytes_find(name, RP_BYTES_LIT("\t")) != SIZE_MAX)
		return RP_EPROTO;
	if (colon == SIZE_MAX)
		return response->is_line_cut ? RP_OK : RP_EPROTO;
	if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("connection"))) {
		on_connection(response, value);
	} else if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("content-length"))) {
		return response->is_line_cut ? RP_ETOOBIG : on_content_length(response, value);
	} else if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("transfer-encoding"))) {
		if (response->is_line_cut || response->is_chunked ||
		    !rp_bytes_equal_nocase(value, RP_BYTES_LIT("chunked")))
			return RP_EUNSUPPORTED;
		response->is_chunked = true;
	} else if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("content-encoding"))) {
		if (response->is_line_cut ||
		    !rp_bytes_equal_nocase(value, RP_BYTES_LIT("identity")))
			return RP_EUNSUPPORTED;
	}
	return RP_OK;
}

/* The blank line after the head: what kind of body follows (RFC 9112 6.3). */
static int on_head_end(struct rp_http_response *response)
{
	if (response->status >= 100 && response->status < 200 && response->status != 101) {
		uint32_t head_bytes = response->head_bytes;

		rp_http_response_begin(response); /* an interim response; the bound holds for all */
		response->head_bytes = head_bytes;
		return RP_OK;
	}
	if (response->status != 200)
		return RP_EUNSUPPORTED;
	if (response->has_close)
		response->is_keep_alive = false;
	if (response->is_chunked) {
		if (response->has_length)
			response->is_keep_alive = false;
		response->head_bytes = 0;
		response->state = RP_HTTP_CHUNK_SIZE;
	} else if (response->has_length) {
		if (response->left_bytes > RP_SCRAPE_BODY_BYTES_MAX)
			return RP_ETOOBIG;
		response->state = response->left_bytes > 0 ? RP_HTTP_BODY_LENGTH : RP_HTTP_DONE;
	} else {
		response->is_keep_alive = false;
		response->state = RP_HTTP_BODY_TO_CLOSE;
	}
	return RP_OK;
}

/* Hexadecimal digits, then possibly extensions, which have no meaning for us. */
static int on_chunk_size(struct rp_http_response *response, struct rp_bytes line)
{
	uint64_t size = 0;
	size_t i = 0;

	for (; i < line.len; i++) {
		uint8_t c = line.ptr[i];
		uint8_t lower = c | 0x20;
		uint64_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint64_t)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			digit = (uint64_t)(lower - 'a') + 10;
		else
			break;
		size = size * 16 + digit;
		if (size > RP_SCRAPE_BODY_BYTES_MAX)
			return RP_ETOOBIG;
	}
	if (i == 0 || (i == line.len && response->is_line_cut) ||
	    (i < line.len && line.ptr[i] != ';' && line.ptr[i] != ' ' && line.ptr[i] != '\t'))
		return RP_EPROTO;
	/* Lines around chunks count to the body: it may have any number of them. */
	if (response->head_bytes > RP_SCRAPE_BODY_BYTES_MAX - response->body_bytes)
		return RP_ETOOBIG;
	response->body_bytes += response->head_bytes;
	response->head_bytes = 0;
	response->left_bytes = size;
	response->state = size > 0 ? RP_HTTP_CHUNK_DATA : RP_HTTP_TRAILERS;
	return RP_OK;
}

static int on_line(struct rp_http_response *response, struct rp_bytes line)
{
	switch (response->state) {
	case RP_HTTP_STATUS_LINE:
		return on_status_line(response, line);
	case RP_HTTP_HEADERS:
		return line.len > 0 ? on_header(response, line) : on_head_end(response);
	case RP_HTTP_CHUNK_SIZE:
		return on_chunk_size(response, line);
	case RP_HTTP_CHUNK_END:
		response->state = RP_HTTP_CHUNK_SIZE;
		return line.len == 0 ? RP_OK : RP_EPROTO;
	case RP_HTTP_TRAILERS:
		if (line.len == 0)
			response->state = RP_HTTP_DONE;
		return RP_OK;
	case RP_HTTP_BODY_LENGTH:
	case RP_HTTP_BODY_TO_CLOSE:
	case RP_HTTP_CHUNK_DATA:
	case RP_HTTP_DONE:
		break;
	}
	RP_ASSERT(!"no lines in this state");
	return RP_EPROTO;
}

static int on_data(struct rp_http_response *response, struct rp_bytes *in, rp_http_on_body on_body,
		   void *user)
{
	bool is_counted = response->state != RP_HTTP_BODY_TO_CLOSE;
	size_t most = is_counted ? (size_t)response->left_bytes : in->len;
	struct rp_bytes piece = take(in, most);
	int err;

	if (piece.len > RP_SCRAPE_BODY_BYTES_MAX - response->body_bytes)
		return RP_ETOOBIG;
	response->body_bytes += piece.len;
	err = on_body(user, piece);
	if (err != RP_OK)
		return err;
	if (is_counted) {
		response->left_bytes -= piece.len;
		if (response->left_bytes == 0)
			response->state = response->state == RP_HTTP_CHUNK_DATA ? RP_HTTP_CHUNK_END
										: RP_HTTP_DONE;
	}
	return RP_OK;
}

int rp_http_response_feed(struct rp_http_response *response, struct rp_bytes *in,
			  rp_http_on_body on_body, void *user)
{
	while (response->state != RP_HTTP_DONE) {
		struct rp_bytes line;
		int err;

		if (in->len == 0)
			return RP_EAGAIN;
		if (response->state == RP_HTTP_BODY_LENGTH ||
		    response->state == RP_HTTP_BODY_TO_CLOSE ||
		    response->state == RP_HTTP_CHUNK_DATA) {
			err = on_data(response, in, on_body, user);
		} else {
			err = next_line(response, in, &line);
			if (err == RP_OK)
				err = on_line(response, line);
		}
		if (err != RP_OK)
			return err;
	}
	return RP_OK;
}

int rp_http_response_eof(struct rp_http_response *response)
{
	if (response->state == RP_HTTP_DONE)
		return RP_OK;
	if (response->state != RP_HTTP_BODY_TO_CLOSE)
		return RP_ECLOSED;
	response->state = RP_HTTP_DONE;
	return RP_OK;
}
