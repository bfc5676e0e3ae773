/* SPDX-License-Identifier: Apache-2.0
 *
 * config/params.def as a table: every parameter of every set, in the order of the file.
 */
#ifndef RP_CONFIG_PARAM_TABLE_H
#define RP_CONFIG_PARAM_TABLE_H

#include "config/compiled.h"

enum rp_param_set {
	RP_PARAMS_NONE, /* never looked at */
#define RP_PARAM_SET(id, name)	       RP_PARAMS_##id,
#define RP_PARAM_SET_CONTROL(id, name) RP_PARAMS_##id,
#include "config/params.def"
	RP_PARAMS_SETS
};

enum rp_param_kind {
	RP_PARAM_BOOL,	      /* uint32_t */
	RP_PARAM_INT,	      /* int64_t */
	RP_PARAM_UINT,	      /* uint32_t */
	RP_PARAM_DOUBLE,      /* double */
	RP_PARAM_STR,	      /* struct rp_config_str */
	RP_PARAM_HEADER,      /* struct rp_config_str: a request header's name, to lower case */
	RP_PARAM_DURATION,    /* int64_t, ns; written as "200ms" */
	RP_PARAM_SECONDS,     /* int64_t, ns; written as a number of seconds */
	RP_PARAM_MILLIS,      /* int64_t, ns; written as a whole number of milliseconds */
	RP_PARAM_WORD,	      /* uint32_t: which of the rule's words */
	RP_PARAM_LOOSE_WORD,  /* the same; case, - and _ do not matter */
	RP_PARAM_STRS,	      /* struct rp_config_list of struct rp_config_str */
	RP_PARAM_HEADERS,     /* the same, names of request headers */
	RP_PARAM_LIST,	      /* struct rp_config_list of structs, one a mapping */
	RP_PARAM_PROFILE,     /* uint32_t: index of the profile of that name */
	RP_PARAM_OLD_PROFILE, /* the same under a deprecated name */
	RP_PARAM_PRESENT,     /* uint32_t: the mapping is there */
	RP_PARAM_INDEX,	      /* uint32_t, filled in by others */
	RP_PARAM_PRODUCER,    /* a name, kept for enum rp_data_name */
	RP_PARAM_DECIDER,     /* a name, kept for enum rp_decider */
	RP_PARAM_OLD_DECIDER, /* the same under a deprecated name */
	/* These fill no member. */
	RP_PARAM_MAPPING,      /* a mapping whose fields are listed */
	RP_PARAM_MAP,	       /* a mapping of strings that a function reads */
	RP_PARAM_ANY_MAPPING,  /* a mapping that a function looks at */
	RP_PARAM_ANY_STR,      /* a string that a function looks at */
	RP_PARAM_IGNORED_STR,  /* accepted, with a warning */
	RP_PARAM_IGNORED_BOOL, /* accepted */
	RP_PARAM_MOVED,	       /* refused; the text is the remedy */
};

#define RP_PARAM_NO_MEMBER UINT32_MAX

struct rp_param {
	enum rp_param_set set;
	enum rp_param_kind kind;
	const char *name;	/* "conditions[].metric" */
	uint32_t offset;	/* in the set's struct, or in the element's; RP_PARAM_NO_MEMBER */
	uint32_t element_bytes; /* of a LIST */
	uint32_t role;		/* of PRODUCER and DECIDER */
	const char *def;	/* as it is written; NULL: none */
	const char *rule;	/* config/params.def */
	const char *text;	/* NULL: the parameter of that name again, in another member */
};

/* A rule's range. */
struct rp_param_range {
	double min;
	double max;
	bool is_min_open; /* min itself is outside */
	bool has_min;
	bool has_max;
};

/** The set that a plugin type has. */
enum rp_param_set rp_plugin_type_params(enum rp_plugin_type type);

/** Parameters of a set, in order. @param[out] ret_count may be 0 */
const struct rp_param *rp_param_set(enum rp_param_set set, size_t *ret_count);

/** Bytes of the struct that a set fills; 0 for RP_PARAMS_NONE. */
size_t rp_param_set_bytes(enum rp_param_set set);

/** It must be there, and has no default. */
bool rp_param_is_required(const struct rp_param *param);

/** Does the rule have that flag behind its range or words? */
bool rp_param_has_flag(const struct rp_param *param, char flag);

/** The range in a number's rule, all false without one. */
struct rp_param_range rp_param_range(const struct rp_param *param);

/** "must be above 0 and at most 1" for messages; empty without a range. */
void rp_param_range_format(const struct rp_param *param, char *out, size_t out_bytes);

/** The i-th word of a WORD's rule. @return an empty view behind the last */
struct rp_bytes rp_param_word(const struct rp_param *param, uint32_t i);

#endif /* RP_CONFIG_PARAM_TABLE_H */
