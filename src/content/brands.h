/*
 * brands: names that swindlers like to use for everybody, whoever the recipient is: banks, mail
 * services, shops, carriers, offices; and from which domains they truly write. Inside content only.
 */
#pragma once
#include "content/checking.h"
#include "content/lookalike.h"

struct brand {
	slice key; /* first label of its main domain; with another country's ending it is still its
		    */
	slice names; /* as they stand in texts of one spelling (text_normal.h), apart by '|' */
	slice domains; /* apart by blanks; the first is the main one */
	bool word; /* the name is an ordinary word: it counts only beside words of its business */
};
extern const struct brand brands[];
extern const size_t brands_n;

/* The first brand that the text names. */
const struct brand *brand_named(slice normal);
/* Is it a domain of the brand? */
bool brand_owns(const struct brand *b, slice domain, slice org);
slice brand_domain(const struct brand *b); /* the main one */
/* Of all brands, in their order. */
const struct lookalike_name *brands_looks(void);
