//! From what is asked for to what is executed: accounts, plan, and the ordered steps with their spoken names.
