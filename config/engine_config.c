/* SPDX-License-Identifier: Apache-2.0 */
#include "config/engine_config.h"

uint32_t rp_engine_attribute_index(const struct rp_engine_attributes *attributes,
				   struct rp_bytes key)
{
	for (uint32_t i = 0; i < attributes->count; i++) {
		if (rp_bytes_equal_str(key, attributes->key[i]))
			return i;
	}
	return UINT32_MAX;
}

int rp_engine_attribute_add(struct rp_engine_attributes *attributes, struct rp_bytes key,
			    uint32_t *ret_index)
{
	uint32_t index = rp_engine_attribute_index(attributes, key);

	if (index == UINT32_MAX) {
		if (attributes->count == RP_CUSTOM_FIGURES_MAX || key.len >= RP_ATTRIBUTE_KEY_MAX)
			return RP_ETOOBIG;
		index = attributes->count++;
		rp_bytes_to_str(key, attributes->key[index], RP_ATTRIBUTE_KEY_MAX);
	}
	*ret_index = index;
	return RP_OK;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct rp_reader *r)
{
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
}

static bool skip_char(struct rp_reader *r, uint8_t wanted)
{
	if (r->at == r->end || *r->at != wanted)
		return false;
	r->at++;
	return true;
}

static struct rp_bytes read_name(struct rp_reader *r, bool has_colons)
{
	const uint8_t *begin = r->at;

	for (; r->at < r->end; r->at++) {
		uint8_t c = *r->at;
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
				 (c == ':' && has_colons);
		bool is_digit = c >= '0' && c <= '9' && r->at != begin;

		if (!is_letter && !is_digit)
			break;
	}
	return rp_bytes(begin, (size_t)(r->at - begin));
}

/* No escapes: a quoted value ends at the next quote, a bare one also at a blank, comma or brace.
 * `=` is refused, so that `=~` and `==` are not taken for a value. */
static bool read_value(struct rp_reader *r, struct rp_bytes *ret_value)
{
	bool is_quoted = skip_char(r, '"');
	const uint8_t *begin = r->at;

	for (; r->at < r->end && *r->at != '"'; r->at++) {
		uint8_t c = *r->at;
		if (!is_quoted && (c == ',' || c == '}' || is_blank(c)))
			break;
		if (c == '=' || (c == '~' && r->at == begin) ||
		    (is_quoted && (c == ',' || c == '}')))
			return false;
	}
	*ret_value = rp_bytes(begin, (size_t)(r->at - begin));
	return is_quoted ? skip_char(r, '"') : ret_value->len > 0;
}

static const char *read_labels(struct rp_reader *r, struct rp_metric_spec *spec)
{
	skip_blanks(r);
	if (skip_char(r, '}'))
		return NULL;
	for (;;) {
		struct rp_metric_spec_label *label = &spec->label[spec->label_count];

		if (spec->label_count == RP_ENGINE_SPEC_LABELS_MAX)
			return "has too many labels";
		skip_blanks(r);
		label->name = read_name(r, false);
		skip_blanks(r);
		if (label->name.len == 0 || !skip_char(r, '='))
			return "has an invalid label pair: label=value is wanted";
		skip_blanks(r);
		if (!read_value(r, &label->value))
			return "has an invalid label value";
		spec->label_count++;
		skip_blanks(r);
		if (skip_char(r, '}'))
			return NULL;
		if (!skip_char(r, ','))
			return "has labels that no closing brace ends";
	}
}

int rp_metric_spec_parse(struct rp_bytes text, struct rp_metric_spec *ret_spec,
			 struct rp_diag *reterr)
{
	struct rp_metric_spec spec = {.label_count = 0};
	struct rp_reader r = rp_reader(text);
	const char *wrong = NULL;

	skip_blanks(&r);
	if (r.at != r.end) {
		spec.name = read_name(&r, true);
		if (spec.name.len == 0)
			wrong = "does not start with a metric name";
		skip_blanks(&r);
		if (wrong == NULL && skip_char(&r, '{'))
			wrong = read_labels(&r, &spec);
		skip_blanks(&r);
		if (wrong == NULL && r.at != r.end)
			wrong = "has text that does not belong to a spec";
	}
	if (wrong != NULL)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "metric spec '%.*s' %s",
				   (int)rp_min_size(text.len, 256), (const char *)text.ptr, wrong);
	*ret_spec = spec;
	return RP_OK;
}
