// The views that nobody needs at once, by name.

import * as buy from "./buy.js";
import * as charge from "./charge.js";
import * as drawPage from "./draw-page.js";
import * as move from "./move.js";
import * as receipt from "./receipt.js";
import * as reservation from "./reservation.js";
import * as seats from "./seats.js";
import * as ticket from "./ticket.js";
import * as tickets from "./tickets.js";
import * as waitingRoom from "./waiting-room.js";
import * as wallet from "./wallet.js";

export const VIEWS = { buy, charge, drawPage, move, receipt, reservation, seats, ticket, tickets, waitingRoom, wallet };
