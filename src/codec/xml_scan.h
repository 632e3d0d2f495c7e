/*
 * xml_scan: the tokens of XML in their order, for those who look for text and some attributes in
 * hostile documents. No tree, no document types, no entities but the five and numbers: nothing that
 * grows. Names without their prefix. What is not well-formed is read as far as it makes sense.
 */
#pragma once
#include "base/buf.h"

enum xml_kind { XML_OPEN, XML_CLOSE, XML_EMPTY, XML_TEXT };

struct xml_token {
	enum xml_kind kind;
	slice name; /* without prefix */
	slice attributes; /* as they stand */
	slice text; /* of XML_TEXT: as it stands, CDATA already without its marks */
	bool verbatim; /* CDATA: entities are text */
};

/* Cuts the next token off *in. False at the end. */
bool xml_next(slice *in, struct xml_token *ret);
/* Text or an attribute's value with its entities undone. */
void xml_text(slice raw, struct buf *out);
/* The raw value of the attribute of that name (prefix not looked at); false: it has none. */
bool xml_attribute(slice attributes, slice name, slice *ret_raw);
