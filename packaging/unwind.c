/* The unwinder of a binary that has no unwind tables and aborts on a panic: there is never anything to walk.
 *
 * std for musl links a libunwind.a; this is all of it that packaging/build.sh needs. A backtrace is empty; the others are
 * only named, by code that the linker drops. */

typedef int code; /* _Unwind_Reason_Code */

code _Unwind_Backtrace(void *each, void *argument) {
	(void)each, (void)argument;
	return 5; /* _URC_END_OF_STACK */
}

#define NEVER(name) \
	void name(void) { __builtin_trap(); }

NEVER(_Unwind_DeleteException)
NEVER(_Unwind_FindEnclosingFunction)
NEVER(_Unwind_GetCFA)
NEVER(_Unwind_GetDataRelBase)
NEVER(_Unwind_GetIP)
NEVER(_Unwind_GetIPInfo)
NEVER(_Unwind_GetLanguageSpecificData)
NEVER(_Unwind_GetRegionStart)
NEVER(_Unwind_GetTextRelBase)
NEVER(_Unwind_RaiseException)
NEVER(_Unwind_Resume)
NEVER(_Unwind_SetGR)
NEVER(_Unwind_SetIP)
