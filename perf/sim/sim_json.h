/* SPDX-License-Identifier: Apache-2.0
 *
 * Pull reader of one JSON text (RFC 8259) that lies in memory. It allocates nothing: strings are
 * unescaped where they lie, so a text can be read once only. The first error sticks.
 *
 * Reading an object:
 *
 *	rp_sim_json_enter(&json, RP_SIM_JSON_OBJECT);
 *	while (rp_sim_json_member(&json, &key))
 *		if (rp_bytes_equal_str(key, "model"))
 *			model = rp_sim_json_string(&json);
 *		else
 *			rp_sim_json_skip(&json);
 */
#ifndef RP_PERF_SIM_JSON_H
#define RP_PERF_SIM_JSON_H

#include "shm/bytes.h"

enum rp_sim_json_kind {
	RP_SIM_JSON_ERROR,
	RP_SIM_JSON_OBJECT,
	RP_SIM_JSON_ARRAY,
	RP_SIM_JSON_STRING,
	RP_SIM_JSON_NUMBER,
	RP_SIM_JSON_TRUE,
	RP_SIM_JSON_FALSE,
	RP_SIM_JSON_NULL,
};

struct rp_sim_json {
	uint8_t *begin;
	uint8_t *at;
	uint8_t *end;
	bool is_first;	   /* nothing was read yet since the last enter */
	const char *error; /* static text, NULL while all is well */
};

/** Start at the first byte of text, which stays the caller's and gets changed. */
void rp_sim_json_init(struct rp_sim_json *json, uint8_t *text, size_t bytes);
/** What comes next; RP_SIM_JSON_ERROR at the end, for a wrong byte and after an error. */
enum rp_sim_json_kind rp_sim_json_peek(struct rp_sim_json *json);
/** Set the error unless there is one. */
void rp_sim_json_fail(struct rp_sim_json *json, const char *error);
/** Step into an object or array; an error if something else comes next. */
void rp_sim_json_enter(struct rp_sim_json *json, enum rp_sim_json_kind kind);
/** Go to the next member's value; false behind the closing brace and after an error. */
bool rp_sim_json_member(struct rp_sim_json *json, struct rp_bytes *ret_key);
/** Go to the next element; false behind the closing bracket and after an error. */
bool rp_sim_json_item(struct rp_sim_json *json);
/** A string; the view lies in the text. Lone surrogates become U+FFFD. */
struct rp_bytes rp_sim_json_string(struct rp_sim_json *json);
double rp_sim_json_double(struct rp_sim_json *json);
/** An integer of at most 15 digits; an error otherwise. */
int64_t rp_sim_json_integer(struct rp_sim_json *json);
bool rp_sim_json_bool(struct rp_sim_json *json);
/** Consume a null if one is next. */
bool rp_sim_json_take_null(struct rp_sim_json *json);
/** Check and drop one value of any kind, at most RP_JSON_DEPTH_MAX deep. */
void rp_sim_json_skip(struct rp_sim_json *json);
/** Nothing but blanks may be left. RP_OK or RP_EFORMAT (json->error says why). */
RP_MUST_CHECK int rp_sim_json_finish(struct rp_sim_json *json);

#endif /* RP_PERF_SIM_JSON_H */
