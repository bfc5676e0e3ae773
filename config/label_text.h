/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and values of Kubernetes labels, and label selectors in text.
 */
#ifndef RP_CONFIG_LABEL_TEXT_H
#define RP_CONFIG_LABEL_TEXT_H

#include "config/plugin_params.h"

/** Is it a key: a name of up to 63 characters, maybe behind a DNS name and a slash? */
bool rp_label_is_key(struct rp_bytes text);

/** Is it a value: up to 63 characters, or empty? */
bool rp_label_is_value(struct rp_bytes text);

/* A requirement of a selector in text; views point into the text. */
struct rp_selector_text {
	struct rp_bytes key;
	enum rp_selector_operator op;
	struct rp_bytes values; /* with commas between them; of IN and NOT_IN only */
};

/**
 * Cut the next requirement off a selector ("a=b,c in (d,e),!f,g"), as kubectl reads them.
 * @param rest  what is left; empty behind the last
 * @return RP_OK; RP_EFORMAT
 */
RP_MUST_CHECK int rp_selector_next(struct rp_bytes *rest, struct rp_selector_text *ret);

/** Cut the next value off a requirement's values. @return false: there is none left */
bool rp_selector_next_value(struct rp_bytes *rest, struct rp_bytes *ret);

#endif /* RP_CONFIG_LABEL_TEXT_H */
