/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml_tree.h"

#include <stdlib.h>
#include <yaml.h>

#include "config/yaml_scalar.h"
#include "shm/limits.h"

struct anchor {
	char name[64];
	uint32_t node;
};

struct builder {
	struct rp_yaml_tree tree;
	struct rp_diag *diag;
	uint32_t open[RP_YAML_DEPTH_MAX]; /* nodes whose children are being read, outermost first */
	uint32_t depth;
	struct anchor anchor[RP_YAML_ANCHORS_MAX];
	uint32_t anchor_count;
	bool is_done;
};

static int fail_at(struct builder *b, int err, yaml_mark_t mark, const char *message)
{
	return rp_diag_set(b->diag, err, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, "%s",
			   message);
}

/* The innermost open node, NULL at the root. */
static struct rp_yaml_node *parent_of_next(struct builder *b)
{
	return b->depth == 0 ? NULL : &b->tree.nodes[b->open[b->depth - 1]];
}

static bool is_key_next(struct builder *b)
{
	const struct rp_yaml_node *parent = parent_of_next(b);

	return parent != NULL && parent->kind == RP_YAML_MAP && parent->count % 2 == 0;
}

static int reserve_nodes(struct builder *b, uint32_t more, yaml_mark_t mark)
{
	struct rp_yaml_tree *tree = &b->tree;

	if (more > RP_YAML_NODES_MAX - tree->count)
		return fail_at(b, RP_ETOOBIG, mark, "too many values; aliases count in full");
	if (more <= tree->room - tree->count)
		return RP_OK;
	uint32_t room = tree->room + more + tree->room / 2 + 64;
	struct rp_yaml_node *nodes = realloc(tree->nodes, room * sizeof(*nodes));

	if (nodes == NULL)
		return fail_at(b, RP_ENOMEM, mark, "out of memory");
	tree->nodes = nodes;
	tree->room = room;
	return RP_OK;
}

static int add_node(struct builder *b, enum rp_yaml_kind kind, struct rp_bytes text,
		    yaml_mark_t mark)
{
	int r = reserve_nodes(b, 1, mark);

	if (r != RP_OK)
		return r;
	if (b->depth > 0)
		parent_of_next(b)->count++;
	b->tree.nodes[b->tree.count++] = (struct rp_yaml_node){
		.kind = kind,
		.span = 1,
		.line = (uint32_t)mark.line + 1,
		.column = (uint32_t)mark.column + 1,
		.text = text,
	};
	return RP_OK;
}

/* Remember the node that comes next under its anchor, a newer one of that name first. */
static int set_anchor(struct builder *b, const yaml_char_t *name, yaml_mark_t mark)
{
	const char *text = (const char *)name;

	if (name == NULL)
		return RP_OK;
	if (b->anchor_count == RP_YAML_ANCHORS_MAX || strlen(text) >= sizeof(b->anchor[0].name))
		return fail_at(b, RP_ETOOBIG, mark, "too many anchors, or too long a name of one");
	struct anchor *anchor = &b->anchor[b->anchor_count++];

	memcpy(anchor->name, text, strlen(text) + 1);
	anchor->node = b->tree.count;
	return RP_OK;
}

static int check_key(struct builder *b, struct rp_bytes key, yaml_mark_t mark)
{
	const struct rp_yaml_node *map = parent_of_next(b);
	const struct rp_yaml_node *end = b->tree.nodes + b->tree.count;
	const struct rp_yaml_node *other = map + 1;

	if (rp_bytes_equal_str(key, "<<"))
		return fail_at(b, RP_EFORMAT, mark,
			       "merge keys (<<) are not supported; write the fields out");
	if (map->count / 2 >= RP_YAML_KEYS_MAX)
		return fail_at(b, RP_ETOOBIG, mark, "too many keys in one mapping");
	while (other < end) {
		if (rp_bytes_equal(other->text, key))
			return rp_diag_set(b->diag, RP_EFORMAT, (uint32_t)mark.line + 1,
					   (uint32_t)mark.column + 1,
					   "duplicate key \"%.100s\", first set on line %u; remove "
					   "one of them",
					   (const char *)key.ptr, other->line);
		other += other->span; /* over the key */
		other += other->span; /* and its value */
	}
	return RP_OK;
}

/* Copy into the text pool, which rp_yaml_parse() made large enough for all of the input. */
static int keep_text(struct builder *b, const yaml_char_t *value, size_t len, yaml_mark_t mark,
		     struct rp_bytes *ret)
{
	struct rp_yaml_tree *tree = &b->tree;

	if (len >= tree->text_room - tree->text_len)
		return fail_at(b, RP_ETOOBIG, mark, "the text grows too much when unescaped");
	char *begin = tree->text + tree->text_len;

	if (len > 0)
		memcpy(begin, value, len);
	begin[len] = '\0';
	tree->text_len += len + 1;
	*ret = rp_bytes(begin, len);
	return RP_OK;
}

static bool is_core_tag(const yaml_char_t *tag, const char *name)
{
	static const char prefix[] = "tag:yaml.org,2002:";
	const char *text = (const char *)tag;

	return strncmp(text, prefix, sizeof(prefix) - 1) == 0 &&
	       strcmp(text + sizeof(prefix) - 1, name) == 0;
}

/* A scalar's kind: quoted ones and !!str are strings, others by their look. */
static int scalar_kind(struct builder *b, const yaml_event_t *event, struct rp_bytes text,
		       enum rp_yaml_kind *ret)
{
	const yaml_char_t *tag = event->data.scalar.tag;

	*ret = RP_YAML_STR;
	if (tag != NULL && (is_core_tag(tag, "str") || strcmp((const char *)tag, "!") == 0))
		return RP_OK;
	if (tag != NULL && !is_core_tag(tag, "int") && !is_core_tag(tag, "float") &&
	    !is_core_tag(tag, "bool") && !is_core_tag(tag, "null"))
		return fail_at(b, RP_EFORMAT, event->start_mark,
			       "this tag is not supported; leave it out");
	if (tag != NULL || event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		*ret = rp_yaml_scalar_kind(text);
	return RP_OK;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
	enum rp_yaml_kind kind = RP_YAML_STR;
	struct rp_bytes text;
	int r = keep_text(b, event->data.scalar.value, event->data.scalar.length, event->start_mark,
			  &text);

	if (r == RP_OK)
		r = scalar_kind(b, event, text, &kind);
	if (r == RP_OK)
		r = set_anchor(b, event->data.scalar.anchor, event->start_mark);
	if (r == RP_OK && is_key_next(b)) {
		kind = RP_YAML_STR;
		r = check_key(b, text, event->start_mark);
	}
	return r == RP_OK ? add_node(b, kind, text, event->start_mark) : r;
}

static int on_begin(struct builder *b, const yaml_event_t *event, enum rp_yaml_kind kind,
		    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	int r;

	if (is_key_next(b))
		return fail_at(b, RP_EFORMAT, event->start_mark,
			       "a key must be a plain value; quote it if it begins with { or [");
	if (tag != NULL && !is_core_tag(tag, kind == RP_YAML_MAP ? "map" : "seq"))
		return fail_at(b, RP_EFORMAT, event->start_mark,
			       "this tag is not supported; leave it out");
	if (b->depth == RP_YAML_DEPTH_MAX)
		return fail_at(b, RP_ETOOBIG, event->start_mark, "nested too deeply");
	r = set_anchor(b, anchor, event->start_mark);
	if (r == RP_OK)
		r = add_node(b, kind, rp_bytes(NULL, 0), event->start_mark);
	if (r == RP_OK)
		b->open[b->depth++] = b->tree.count - 1;
	return r;
}

static void on_end(struct builder *b)
{
	uint32_t node = b->open[--b->depth];

	b->tree.nodes[node].span = b->tree.count - node;
}

static const struct anchor *find_anchor(const struct builder *b, const yaml_char_t *name)
{
	for (uint32_t i = b->anchor_count; i-- > 0;) {
		if (strcmp(b->anchor[i].name, (const char *)name) == 0)
			return &b->anchor[i];
	}
	return NULL;
}

/* Deepest nesting of a closed subtree, the root counting 1 if it has room for children. */
static uint32_t height(const struct rp_yaml_node *root)
{
	const struct rp_yaml_node *end = root + root->span;
	const struct rp_yaml_node *open_end[RP_YAML_DEPTH_MAX];
	uint32_t depth = 0;
	uint32_t deepest = 0;

	for (const struct rp_yaml_node *node = root; node < end; node++) {
		while (depth > 0 && node >= open_end[depth - 1])
			depth--;
		if (node->kind == RP_YAML_MAP || node->kind == RP_YAML_SEQ)
			open_end[depth++] = node + node->span;
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest;
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
	const struct anchor *anchor = find_anchor(b, event->data.alias.anchor);
	yaml_mark_t mark = event->start_mark;

	if (anchor == NULL)
		return fail_at(b, RP_EFORMAT, mark, "this alias has no anchor");
	for (uint32_t i = 0; i < b->depth; i++) {
		if (b->open[i] == anchor->node)
			return fail_at(b, RP_EFORMAT, mark, "an anchor contains itself");
	}
	uint32_t span = b->tree.nodes[anchor->node].span;

	if (is_key_next(b))
		return fail_at(b, RP_EFORMAT, mark, "an alias cannot be a key; write it out");
	if (height(&b->tree.nodes[anchor->node]) > RP_YAML_DEPTH_MAX - b->depth)
		return fail_at(b, RP_ETOOBIG, mark, "nested too deeply");
	int r = reserve_nodes(b, span, mark);

	if (r != RP_OK)
		return r;
	if (b->depth > 0)
		parent_of_next(b)->count++;
	memcpy(b->tree.nodes + b->tree.count, b->tree.nodes + anchor->node,
	       span * sizeof(*b->tree.nodes));
	b->tree.count += span;
	return RP_OK;
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_begin(b, event, RP_YAML_SEQ, event->data.sequence_start.anchor,
				event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_begin(b, event, RP_YAML_MAP, event->data.mapping_start.anchor,
				event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_end(b);
		return RP_OK;
	case YAML_ALIAS_EVENT:
		return on_alias(b, event);
	case YAML_DOCUMENT_END_EVENT:
	case YAML_STREAM_END_EVENT:
		b->is_done = true;
		return RP_OK;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_START_EVENT:
		return RP_OK;
	}
	return RP_OK;
}

/* libyaml gives no mark where it refuses a byte: count lines and characters up to it. */
static yaml_mark_t mark_of_byte(struct rp_bytes text, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.ptr[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if ((text.ptr[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static int syntax_error(struct builder *b, const yaml_parser_t *parser, struct rp_bytes text)
{
	const char *problem = parser->problem == NULL ? "malformed" : parser->problem;
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR)
		return rp_diag_set(b->diag, RP_ENOMEM, 0, 0, "out of memory");
	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_byte(text, parser->problem_offset);
	bool is_tab = parser->error == YAML_SCANNER_ERROR && mark.index < text.len &&
		      text.ptr[mark.index] == '\t';

	return rp_diag_set(b->diag, RP_EFORMAT, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1,
			   "not valid YAML: %s%s%s%s", problem, parser->context == NULL ? "" : " ",
			   parser->context == NULL ? "" : parser->context,
			   is_tab ? "; indent with blanks, not with tabs" : "");
}

static int read_events(struct builder *b, yaml_parser_t *parser, struct rp_bytes text)
{
	int r = RP_OK;

	while (r == RP_OK && !b->is_done) {
		yaml_event_t event;

		if (yaml_parser_parse(parser, &event) == 0)
			return syntax_error(b, parser, text);
		r = on_event(b, &event);
		yaml_event_delete(&event);
	}
	return r;
}

int rp_yaml_parse(struct rp_bytes text, struct rp_yaml_tree *ret_tree, struct rp_diag *reterr)
{
	struct builder *b = calloc(1, sizeof(*b));
	yaml_parser_t parser;
	int r = RP_ENOMEM;

	if (b == NULL)
		return rp_diag_set(reterr, RP_ENOMEM, 0, 0, "out of memory");
	b->diag = reterr;
	/* Unescaping doubles at most ("\L" gives three bytes), and each scalar gets a terminator.
	 */
	b->tree.text_room = 3 * text.len + 16;
	b->tree.text = malloc(b->tree.text_room);
	if (b->tree.text != NULL && yaml_parser_initialize(&parser) != 0) {
		yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&parser, text.ptr, text.len);
		r = read_events(b, &parser, text);
		yaml_parser_delete(&parser);
	} else {
		rp_diag_set(reterr, r, 0, 0, "out of memory");
	}
	if (r == RP_OK)
		*ret_tree = b->tree;
	else
		rp_yaml_free(&b->tree);
	free(b);
	return r;
}

void rp_yaml_free(struct rp_yaml_tree *tree)
{
	free(tree->nodes);
	free(tree->text);
	*tree = (struct rp_yaml_tree){0};
}

const struct rp_yaml_node *rp_yaml_root(const struct rp_yaml_tree *tree)
{
	return tree->count == 0 ? NULL : tree->nodes;
}

const struct rp_yaml_node *rp_yaml_first(const struct rp_yaml_node *parent)
{
	return parent->count == 0 ? NULL : parent + 1;
}

const struct rp_yaml_node *rp_yaml_next(const struct rp_yaml_node *parent,
					const struct rp_yaml_node *child)
{
	const struct rp_yaml_node *next = child + child->span;

	return next == parent + parent->span ? NULL : next;
}

const struct rp_yaml_node *rp_yaml_get(const struct rp_yaml_node *map, const char *key)
{
	const struct rp_yaml_node *child =
		map != NULL && map->kind == RP_YAML_MAP ? rp_yaml_first(map) : NULL;
	const struct rp_yaml_node *found = NULL;

	while (child != NULL) {
		const struct rp_yaml_node *value = rp_yaml_next(map, child);

		if (rp_bytes_equal_str(child->text, key))
			return value;
		if (rp_bytes_equal_nocase(child->text, rp_bytes_str(key)))
			found = value;
		child = rp_yaml_next(map, value);
	}
	return found;
}

const char *rp_yaml_kind_name(enum rp_yaml_kind kind)
{
	static const char *const names[] = {"null",   "bool", "int",	"float",
					    "string", "list", "mapping"};

	return names[kind];
}
