/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml_emit.h"

#include "config/yaml_scalar.h"
#include "shm/limits.h"

/* A mapping or list that is being written. */
struct level {
	const struct rp_yaml_node *parent;
	const struct rp_yaml_node *next; /* key or element to write; NULL: all is written */
	unsigned indent;
};

static bool is_plain_byte(uint8_t c, size_t at)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return true;
	return at > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/');
}

/* Read back as the same string without quotes? */
static bool is_plain(struct rp_bytes text)
{
	char copy[64];

	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_plain_byte(text.ptr[i], i))
			return false;
	}
	rp_bytes_to_str(text, copy, sizeof(copy));
	return rp_yaml_scalar_kind(rp_bytes_str(copy)) == RP_YAML_STR;
}

/* Characters that YAML takes for line breaks, or not at all; 0: none begins here. */
static unsigned special_at(const uint8_t *p, size_t len, size_t *ret_bytes)
{
	*ret_bytes = 2;
	if (len >= 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return p[1];
	*ret_bytes = 3;
	if (len >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return 0x2000u + (p[2] & 0x3fu);
	if (len >= 3 && p[0] == 0xef &&
	    ((p[1] == 0xbb && p[2] == 0xbf) || (p[1] == 0xbf && p[2] >= 0xbe)))
		return 0xf000u + ((p[1] & 0x3fu) << 6) + (p[2] & 0x3fu);
	return 0;
}

void rp_yaml_emit_str(FILE *out, struct rp_bytes text)
{
	if (is_plain(text)) {
		fprintf(out, "%.*s", (int)text.len, (const char *)text.ptr);
		return;
	}
	fputc('"', out);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		size_t bytes;
		unsigned special = special_at(text.ptr + i, text.len - i, &bytes);

		if (special != 0) {
			fprintf(out, "\\u%04x", special);
			i += bytes - 1;
		} else if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", c);
		} else if (c < 0x20 || c == 0x7f) {
			fprintf(out, "\\x%02x", c);
		} else {
			fputc(c, out);
		}
	}
	fputc('"', out);
}

static void emit_scalar(FILE *out, const struct rp_yaml_node *node)
{
	if (node->kind == RP_YAML_STR)
		rp_yaml_emit_str(out, node->text);
	else if (node->kind == RP_YAML_NULL)
		fputs("null", out);
	else if (node->kind == RP_YAML_SEQ)
		fputs("[]", out);
	else if (node->kind == RP_YAML_MAP)
		fputs("{}", out);
	else
		fprintf(out, "%.*s", (int)node->text.len, (const char *)node->text.ptr);
}

/* Write the key or dash of the next child, and its value unless that has children of its own. */
static const struct rp_yaml_node *emit_child(FILE *out, struct level *level)
{
	const struct rp_yaml_node *value = level->next;

	fprintf(out, "%*s", (int)level->indent, "");
	if (level->parent->kind == RP_YAML_MAP) {
		rp_yaml_emit_str(out, level->next->text);
		fputc(':', out);
		value = rp_yaml_next(level->parent, level->next);
	} else {
		fputc('-', out);
	}
	level->next = rp_yaml_next(level->parent, value);
	if (value->count > 0) {
		fputc('\n', out);
		return value;
	}
	fputc(' ', out);
	emit_scalar(out, value);
	fputc('\n', out);
	return NULL;
}

void rp_yaml_emit_value(FILE *out, const struct rp_yaml_node *node, unsigned indent)
{
	struct level level[RP_YAML_DEPTH_MAX + 1];
	uint32_t depth = 0;

	if (node->count == 0) {
		fputc(' ', out);
		emit_scalar(out, node);
		fputc('\n', out);
		return;
	}
	fputc('\n', out);
	level[0] = (struct level){node, rp_yaml_first(node), indent};
	for (;;) {
		struct level *top = &level[depth];
		const struct rp_yaml_node *child;

		if (top->next == NULL) {
			if (depth == 0)
				return;
			depth--;
			continue;
		}
		child = emit_child(out, top);
		/* The tree is never deeper. */
		if (child != NULL && depth < RP_YAML_DEPTH_MAX) {
			level[depth + 1] =
				(struct level){child, rp_yaml_first(child), top->indent + 2};
			depth++;
		}
	}
}
