/*
 * Text inside HTML: nothing in it is markup, in character data and in quoted attributes alike.
 */
#pragma once
#include "base/buf.h"

void html_escape(struct buf *out, slice text);
