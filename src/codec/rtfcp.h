/*
 * rtfcp: RTF as Outlook stores it, compressed (MS-OXRTFCP).
 */
#pragma once
#include "base/buf.h"

/* Appends the RTF. False: it is none, or cut (what could be read was appended). */
bool rtfcp_undo(slice in, struct buf *out);
