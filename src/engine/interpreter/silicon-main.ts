import "../silicon/silicon-main.js";
