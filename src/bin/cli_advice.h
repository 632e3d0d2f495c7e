/* cli_advice: what an administrator has to do outside of this machine. */
#pragma once
#include "bin/config.h"

/* Ports and what they are for, firewall, port mapping, DNS records: to stdout. */
void advice_print(const struct config *c, slice domain);
