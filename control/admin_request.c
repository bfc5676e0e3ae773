/* SPDX-License-Identifier: Apache-2.0 */
#include "control/admin_request.h"

/* The next line without its end; a lone LF ends one, too (RFC 9112, Message Parsing). */
static bool next_line(struct rp_bytes *in, struct rp_bytes *ret_line)
{
	size_t end = rp_bytes_find(*in, RP_BYTES_LIT("\n"));
	struct rp_bytes line;

	if (end == SIZE_MAX)
		return false;
	line = rp_bytes_slice(*in, 0, end);
	if (rp_bytes_ends_with(line, RP_BYTES_LIT("\r")))
		line.len--;
	*ret_line = line;
	*in = rp_bytes_slice(*in, end + 1, in->len);
	return true;
}

/* RFC 9110, Tokens. */
static bool is_token(struct rp_bytes text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		uint8_t lower = c | 0x20;

		if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') &&
		    memchr(others, c, sizeof(others) - 1) == NULL)
			return false;
	}
	return text.len != 0;
}

/* Visible characters; blanks where `may_blank`. Bytes over 0x7f are opaque text. */
static bool is_text(struct rp_bytes text, bool may_blank)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == 0x7f || (c <= ' ' && !(may_blank && (c == ' ' || c == '\t'))))
			return false;
	}
	return true;
}

/* "/path?query" or "http://host/path?query". */
static struct rp_bytes path_of(struct rp_bytes target)
{
	struct rp_bytes scheme = RP_BYTES_LIT("http://");
	size_t end;

	if (target.len > scheme.len &&
	    rp_bytes_equal_nocase(rp_bytes_slice(target, 0, scheme.len), scheme)) {
		target = rp_bytes_slice(target, scheme.len, target.len);
		target = rp_bytes_slice(
			target, rp_min_size(rp_bytes_find(target, RP_BYTES_LIT("/")), target.len),
			target.len);
	}
	if (!rp_bytes_starts_with(target, RP_BYTES_LIT("/")))
		return rp_bytes(NULL, 0);
	end = rp_bytes_find(target, RP_BYTES_LIT("?"));
	return rp_bytes_slice(target, 0, end);
}

/* @return 0 or the status to answer */
static uint32_t parse_request_line(struct rp_bytes line, struct rp_admin_request *request,
				   bool *is_http_1_0)
{
	size_t first = rp_bytes_find(line, RP_BYTES_LIT(" "));
	struct rp_bytes version;
	struct rp_bytes target;
	size_t second;

	if (first == SIZE_MAX)
		return 400;
	request->method = rp_bytes_slice(line, 0, first);
	target = rp_bytes_slice(line, first + 1, line.len);
	second = rp_bytes_find(target, RP_BYTES_LIT(" "));
	if (second == SIZE_MAX)
		return 400;
	version = rp_bytes_slice(target, second + 1, target.len);
	target = rp_bytes_slice(target, 0, second);
	if (!is_token(request->method) || target.len == 0 || !is_text(target, false))
		return 400;
	if (version.len != 8 || !rp_bytes_starts_with(version, RP_BYTES_LIT("HTTP/")) ||
	    version.ptr[5] < '0' || version.ptr[5] > '9' || version.ptr[6] != '.' ||
	    version.ptr[7] < '0' || version.ptr[7] > '9')
		return 400;
	if (version.ptr[5] != '1')
		return 505;
	*is_http_1_0 = version.ptr[7] == '0';
	request->path = path_of(target);
	return 0;
}

struct fields {
	uint32_t host_count;
	bool has_body;
	bool has_close;
	bool has_keep_alive;
};

static uint32_t parse_field(struct rp_bytes line, struct fields *fields)
{
	size_t colon = rp_bytes_find(line, RP_BYTES_LIT(":"));
	struct rp_bytes value;
	struct rp_bytes name;
	uint64_t length;

	if (colon == SIZE_MAX)
		return 400;
	name = rp_bytes_slice(line, 0, colon);
	value = rp_bytes_trim(rp_bytes_slice(line, colon + 1, line.len));
	/* A blank before the colon or at the start of a line (obs-fold) is no token. */
	if (!is_token(name) || !is_text(value, true))
		return 400;
	if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("host"))) {
		fields->host_count++;
	} else if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("connection"))) {
		fields->has_close =
			fields->has_close || rp_bytes_has_word(value, RP_BYTES_LIT("close"));
		fields->has_keep_alive = fields->has_keep_alive ||
					 rp_bytes_has_word(value, RP_BYTES_LIT("keep-alive"));
	} else if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("transfer-encoding"))) {
		fields->has_body = true;
	} else if (rp_bytes_equal_nocase(name, RP_BYTES_LIT("content-length"))) {
		if (rp_bytes_to_u64(value, UINT64_MAX, &length) != RP_OK)
			return 400;
		fields->has_body = fields->has_body || length != 0;
	}
	return 0;
}

int rp_admin_request_parse(struct rp_bytes in, struct rp_admin_request *ret_request,
			   size_t *ret_used, uint32_t *ret_status)
{
	struct rp_admin_request request = {.is_last = false};
	struct fields fields = {.host_count = 0};
	struct rp_bytes rest = in;
	struct rp_bytes line;
	bool is_http_1_0 = false;
	bool has_request_line = false;
	uint32_t status = 0;

	while (next_line(&rest, &line)) {
		if (!has_request_line && line.len == 0)
			continue; /* empty lines before a request are ignored (RFC 9112, 2.2) */
		if (has_request_line && line.len == 0)
			break;
		if (has_request_line)
			status = parse_field(line, &fields);
		else
			status = parse_request_line(line, &request, &is_http_1_0);
		has_request_line = true;
		if (status != 0) {
			*ret_status = status;
			return RP_EPROTO;
		}
		line.len = 1; /* in case it was the last one that has come */
	}
	if (!has_request_line || line.len != 0)
		return RP_EAGAIN;
	if (fields.host_count > 1 || (fields.host_count == 0 && !is_http_1_0)) {
		*ret_status = 400;
		return RP_EPROTO;
	}
	/* A body is not read: the connection ends with the response instead. */
	request.is_last =
		fields.has_close || fields.has_body || (is_http_1_0 && !fields.has_keep_alive);
	*ret_request = request;
	*ret_used = in.len - rest.len;
	return RP_OK;
}
