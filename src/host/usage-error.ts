/**
 * The one kind of error that is the user's to mend: a bad image, configuration or option.
 *
 * The message is one sentence that says what is wrong and what to do. The command line prints it and exits
 * with code 2; the browser page shows it. It never carries a stack trace to the user.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
