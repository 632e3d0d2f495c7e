/* The families of checks, one function each (check_NAME.c). Inside content only. */
#pragma once
#include "content/content.h"
