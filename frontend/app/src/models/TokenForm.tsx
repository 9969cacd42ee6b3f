import { type FormEvent, useEffect, useId, useRef } from "react";

interface TokenFormProps {
  onToken(token: string): void;
  onCancel(): void;
}

/** Asked for only after the server has asked. */
export function TokenForm({ onToken, onCancel }: TokenFormProps) {
  const field = useRef<HTMLInputElement>(null);
  const ids = { field: useId(), hint: useId() };
  useEffect(() => field.current?.focus(), []);
  function submit(event: FormEvent) {
    event.preventDefault();
    onToken(field.current?.value.trim() ?? "");
  }
  return (
    <form className="token" onSubmit={submit}>
      <label htmlFor={ids.field}>Admin token</label>
      <input
        id={ids.field}
        ref={field}
        type="password"
        autoComplete="off"
        required
        // What a header can carry.
        pattern="\s*[!-~]+\s*"
        title="Letters, digits and signs without spaces"
        aria-describedby={ids.hint}
      />
      <button type="submit" className="primary">
        Go on
      </button>
      <button type="button" className="plain" onClick={onCancel}>
        Cancel
      </button>
      <p id={ids.hint} className="hint">
        The operator has set it as GREENROOM_ADMIN_TOKEN. It is kept until this tab is closed, and nowhere
        else.
      </p>
    </form>
  );
}
