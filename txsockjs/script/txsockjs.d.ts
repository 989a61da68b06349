// Types of txsockjs.js.

export = ReconnectingSockJS;
export as namespace ReconnectingSockJS;

declare class ReconnectingSockJS {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;

  constructor(url: string, options?: ReconnectingSockJS.Options | null);
  constructor(
    url: string,
    protocols: string | string[] | null | undefined,
    options?: ReconnectingSockJS.Options | null,
  );

  readonly url: string;
  /** OPEN as long as `send` takes messages: with `resume`, while it reconnects, too. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** The name of the transport in use, or null. */
  readonly transport: string | null;
  /** With `resume`: how many characters the server has not confirmed. */
  readonly bufferedAmount: number;
  readonly extensions: string;
  readonly protocol: string;

  onopen: ((event: ReconnectingSockJS.BaseEvent) => void) | null;
  onmessage: ((event: ReconnectingSockJS.MessageEvent) => void) | null;
  onheartbeat: ((event: ReconnectingSockJS.BaseEvent) => void) | null;
  /** A connection was lost, or could not be made; the next attempt follows. */
  onreconnecting: ((event: ReconnectingSockJS.ReconnectingEvent) => void) | null;
  /** It is back, and nothing was missed. */
  onresume: ((event: ReconnectingSockJS.BaseEvent) => void) | null;
  /** It is back, and the server began anew. */
  onfresh: ((event: ReconnectingSockJS.FreshEvent) => void) | null;
  onclose: ((event: ReconnectingSockJS.CloseEvent) => void) | null;

  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Make the next attempt now, if one is waited for. */
  reconnect(): void;

  addEventListener<K extends keyof ReconnectingSockJS.Events>(
    type: K,
    listener: (event: ReconnectingSockJS.Events[K]) => void,
  ): void;
  removeEventListener<K extends keyof ReconnectingSockJS.Events>(
    type: K,
    listener: (event: ReconnectingSockJS.Events[K]) => void,
  ): void;
  /** Call the listeners of `event.type` with it. */
  dispatchEvent<E extends { readonly type: string }>(event: E): boolean;
}

declare namespace ReconnectingSockJS {
  /** Whatever is in them goes to SockJS, too: `transports`, `timeout` and so on. */
  interface Options {
    /** The client of SockJS; the global one by default. */
    SockJS?: new (url: string, protocols?: any, options?: any) => any;
    /** Resume sessions of a `txsockjs.resume.ResumableConnection`; false by default. */
    resume?: boolean;
    /** Bound of the first delay in ms, 1000 by default; it doubles at each attempt. */
    minDelay?: number;
    /** Bound of all delays in ms, 30000 by default. */
    maxDelay?: number;
    /** How many attempts in a row may fail; all by default. */
    maxAttempts?: number;
    /** After so many ms without messages and heartbeats a connection is lost; 60000 by default. */
    silence?: number;
    /** With `resume`: how many characters may wait to be confirmed, at 64 more for each message. */
    sendLimit?: number;
    /** Whether to come back after such an end. */
    shouldReconnect?: (end: { code: number; reason: string }) => boolean;
    [sockjs: string]: unknown;
  }

  interface BaseEvent {
    readonly type: string;
    readonly target: ReconnectingSockJS;
    readonly currentTarget: ReconnectingSockJS;
  }

  interface MessageEvent extends BaseEvent {
    readonly data: string;
  }

  interface ReconnectingEvent extends BaseEvent {
    /** 1, 2, ... */
    readonly attempt: number;
    /** How many ms the attempt is waited for. */
    readonly delay: number;
    /** Why the connection before ended. */
    readonly code: number;
    readonly reason: string;
  }

  interface FreshEvent extends BaseEvent {
    /** With `resume`: what was sent, and may have arrived or not. */
    readonly unconfirmed: string[];
  }

  interface CloseEvent extends BaseEvent {
    readonly code: number;
    readonly reason: string;
    readonly wasClean: boolean;
  }

  interface Events {
    open: BaseEvent;
    message: MessageEvent;
    heartbeat: BaseEvent;
    reconnecting: ReconnectingEvent;
    resume: BaseEvent;
    fresh: FreshEvent;
    close: CloseEvent;
  }
}
